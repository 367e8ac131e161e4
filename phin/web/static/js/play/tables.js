// The tables of the program that made the page, as it wrote them into manifest.json and about.json: what an id means,
// the lai, the frets, the numbers that a tune is drawn by. They are told once, before the modules that read them load.

let TOLD = null;
export let SYMBOLS, FIELDS, SIZES, FIRST_IDS, NUM_IDS, CONDITIONS, METRES, LAI_NAMES, TEMPO_EDGES, DENSITY_EDGES;
export let STEPS_PER_HONG, HONG_PER_LINE, MOST_LINES, MOST_TUNES, RANKED, MOST_RECALLED;
export let FRETS, FRET_DISTANCES, LAI, TECHNIQUES;
export let DRAWING, READING, LAI_RULES, HAND, PAGE, SUGGESTION, WORDS, LIMITS, DEFAULT_SAMPLER, WRITING, FILES, ASKED, SEE;

/** Takes the tables in. Throws where others were told before: one program makes a page. */
export function tell(manifest, about) {
  const { tables } = manifest;
  const told = JSON.stringify([tables, about.play, about.limits]);
  if (TOLD !== null && TOLD !== told) throw new Error("the tables of two programs in one page");
  TOLD = told;
  ({ symbols: SYMBOLS, fields: FIELDS, conditions: CONDITIONS, metres: METRES, lai_names: LAI_NAMES } = tables);
  ({ tempo_edges: TEMPO_EDGES, density_edges: DENSITY_EDGES } = tables);
  SIZES = FIELDS.map(({ lowest, highest }) => SYMBOLS.count + highest - lowest + 1);
  FIRST_IDS = SIZES.map((_, field) => SIZES.slice(0, field).reduce((sum, size) => sum + size, 0));
  NUM_IDS = SIZES.reduce((sum, size) => sum + size, 0);
  ({ hong: STEPS_PER_HONG, hong_a_line: HONG_PER_LINE } = tables.steps);
  ({ lines: MOST_LINES, tunes: MOST_TUNES, ranked: RANKED, recalled: MOST_RECALLED } = tables.limits);
  FRETS = tables.fretboard.frets;
  FRET_DISTANCES = about.tunings[0].distances;
  ({ drawing: DRAWING, reading: READING, lai: LAI_RULES, hand: HAND, page: PAGE, words: WORDS } = about.play);
  ({ suggestion: SUGGESTION, sampler: DEFAULT_SAMPLER, techniques: TECHNIQUES } = about.play);
  ({ writing: WRITING, files: FILES, asked: ASKED } = about.play);
  SEE = WORDS.see;
  LAI = about.lai.map((lai) => ({ ...lai, root: LAI_RULES.roots[lai.name] }));
  LIMITS = about.limits;
}

// Where a field stands in a row of ids, in the order in which they are drawn.
export const [STEP, VOICE, TECHNIQUE, PITCH, DURATION, VELOCITY] = [0, 1, 2, 3, 4, 5];
export const NUM_FIELDS = 6;
// What stands in a note where nobody knows, and its voices.
export const UNKNOWN = -1;
export const NO_CLOSING = -(2 ** 31); // where nobody says when a tune's last stroke comes
export const MELODY = 0;
export const ACCOMPANIMENT = 1;
