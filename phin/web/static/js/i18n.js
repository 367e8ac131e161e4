// All words of the page, in English and Thai; the browser's language first, then what was chosen last.

import { inThai } from "./thai.js";

const WORDS = {
  name: ["phin", "พิณ"],
  tagline: ["new tunes for the lute of Isan", "ทำนองใหม่สำหรับพิณอีสาน"],
  language: ["Language", "ภาษา"],
  skip: ["Skip to the tune", "ข้ามไปที่ทำนอง"],
  play: ["Play", "เล่น"],
  pause: ["Pause", "หยุด"],
  again: ["From the start", "เล่นจากต้น"],
  newTune: ["New tune", "ทำนองใหม่"],
  back: ["Back to the tune before", "กลับไปทำนองก่อน"],
  lai: ["Lai (mode)", "ลาย"],
  anyLai: ["any", "ลายใดก็ได้"],
  yao: ["thang yao", "ทางยาว"],
  san: ["thang san", "ทางสั้น"],
  tempo: ["Tempo", "ความเร็ว"],
  perMinute: ["hong a minute", "ห้องต่อนาที"],
  length: ["Length", "ความยาว"],
  lines: ["{n} lines", "{n} บรรทัด"],
  oneLine: ["1 line", "1 บรรทัด"],
  ownLength: [
    "What is made of a tune is as long as that tune: let go of it to choose a length.",
    "ทำนองที่สร้างจากทำนองเดิมยาวเท่าเดิม กด “เลิกใช้ทำนองนั้น” ก่อนเลือกความยาว",
  ],
  endless: ["without end", "ไม่รู้จบ"],
  more: ["More settings", "ตั้งค่าเพิ่มเติม"],
  tuning: ["Tuning, low string first", "การตั้งสาย เริ่มจากสายต่ำ"],
  density: ["Notes a hong", "โน้ตต่อห้อง"],
  asLearned: ["as it comes", "ตามธรรมชาติ"],
  densityFew: ["few (1)", "น้อย (1)"],
  densityEven: ["medium (2)", "ปานกลาง (2)"],
  densityMany: ["many (3)", "มาก (3)"],
  source: ["Play like", "เล่นแบบ"],
  leans: ["These two lean a tune; they do not bind it.", "สองค่านี้เป็นแนวทางของทำนอง ไม่ได้บังคับ"],
  anySource: ["any collection", "ชุดใดก็ได้"],
  sampler: ["How notes are drawn", "วิธีสุ่มโน้ต"],
  nucleus: ["balanced", "สมดุล"],
  plain: ["free", "อิสระ"],
  serversOwn: ["as the server is set", "ตามที่เซิร์ฟเวอร์ตั้งไว้"],
  asLinked: ["as the link says", "ตามลิงก์"],
  greedy: ["the likeliest note", "โน้ตที่น่าจะเป็นที่สุด"],
  drone: ["Drone under the tune", "เสียงเสพใต้ทำนอง"],
  noTechniques: [
    "A tune without end has none: they are put on a tune that is whole.",
    "ทำนองไม่รู้จบไม่มีเทคนิค เพราะเทคนิคใส่เมื่อทำนองครบแล้ว",
  ],
  noLai: ["choose a lai first", "เลือกลายก่อน"],
  twoLai: ["between two lai there is none", "ระหว่างสองลายไม่มีเสียงเสพ"],
  noDrone: ["no open string has its tonic or fifth", "ไม่มีสายเปล่าที่เป็นเสียงหลักหรือคู่ห้า"],
  underChords: ["the tune that it is made of has one or chords already", "ทำนองเดิมมีเสียงเสพหรือคอร์ดอยู่แล้ว"],
  crowded: [
    "No drone was put under it: the tune that it is made of has chords under its melody.",
    "ไม่ได้ใส่เสียงเสพ เพราะทำนองเดิมมีเสียงอื่นใต้ทำนองอยู่แล้ว",
  ],
  techniques: ["Techniques", "เทคนิคการดีด"],
  none: ["none", "ไม่มี"],
  synthetic: [
    "Learned from synthetic pieces with techniques set by rules, not from players.",
    "เรียนรู้จากเพลงสังเคราะห์ที่กำหนดเทคนิคด้วยกฎ ไม่ใช่จากผู้เล่นจริง",
  ],
  seed: ["Seed", "เลขตั้งต้น (seed)"],
  seedHint: ["The same seed and settings give the same tune.", "เลขและค่าตั้งเดิมให้ทำนองเดิม"],
  badSeed: ["it is no whole number from 0 to 9007199254740991", "ไม่ใช่จำนวนเต็มตั้งแต่ 0 ถึง 9007199254740991"],
  badSeedRemedy: ["write one, or leave the field empty for any", "พิมพ์จำนวนเต็ม หรือเว้นว่างไว้เพื่อสุ่ม"],
  blend: ["Between two styles", "ผสมสองแบบ"],
  blendHint: ["From the style above to this one:", "จากแบบข้างบนไปสู่แบบนี้:"],
  blendMore: ["Move the slider to hear this one:", "เลื่อนแถบเพื่อผสมแบบนี้:"],
  whollyOther: ["The other style below is played alone.", "เล่นตามอีกแบบข้างล่างทั้งหมด"],
  blendFirst: ["Say another style first, in one of these:", "เลือกอีกแบบหนึ่งก่อน จากช่องเหล่านี้:"],
  otherLai: ["Other lai", "ลายอีกแบบ"],
  otherSource: ["Other collection", "ชุดเพลงอีกแบบ"],
  otherTempo: ["Other tempo", "ความเร็วอีกแบบ"],
  unsaid: ["not said", "ไม่ระบุ"],
  mine: ["My own tune", "ทำนองของฉัน"],
  file: ["Open a file", "เปิดไฟล์"],
  fileHint: ["MIDI, letters (.txt), ABC or tablature", "MIDI, โน้ตตัวอักษร (.txt), ABC หรือแท็บ"],
  letters: ["Letters", "โน้ตไทย"],
  lettersInput: ["Type letters", "พิมพ์โน้ต"],
  lettersHint: ["Boxes of four slots; - strikes nothing; slot 4 is the beat.", "ห้องละสี่ช่อง; - คือไม่ดีด; ช่องที่ 4 คือจังหวะตก"],
  useLetters: ["Put it on the page", "นำขึ้นหน้า"],
  noLetters: ["no note is written there yet", "ยังไม่มีโน้ต"],
  noLettersRemedy: [
    "type letters, as ---ล | -ด-ร, or tick the box below and tap them on the neck",
    "พิมพ์โน้ต เช่น ---ล | -ด-ร หรือเลือกช่องข้างล่างแล้วแตะบนคอพิณ",
  ],
  tapNeck: ["Tap it on the neck", "แตะบนคอพิณ"],
  tapLength: ["Each tap lasts", "แต่ละแตะยาว"],
  slot: ["1 slot", "1 ช่อง"],
  slots2: ["2 slots", "2 ช่อง"],
  slots4: ["1 hong", "1 ห้อง"],
  noLetter: ["{pitch} has no letter", "{pitch} ไม่มีตัวโน้ตไทย"],
  undoTap: ["Take one back", "ลบหนึ่งตัว"],
  work: ["Work on this tune", "ต่อยอดทำนองนี้"],
  continue: ["Continue it", "เล่นต่อ"],
  decorate: ["Decorate it", "แต่งทำนอง"],
  rhythm: ["Same rhythm, other notes", "จังหวะเดิม โน้ตใหม่"],
  rewrite: ["Rewrite the chosen hong", "แต่งห้องที่เลือกใหม่"],
  chooseHong: ["Choose hong on the page first: tap the first, then the last.", "เลือกห้องบนหน้าโน้ตก่อน: แตะห้องแรก แล้วห้องสุดท้าย"],
  goesOnFrom: ["Goes on from {tune}", "เล่นต่อจาก {tune}"],
  madeFrom: ["Made from {tune}", "สร้างจาก {tune}"],
  unnamed: ["a tune without a name", "ทำนองไม่มีชื่อ"],
  letGo: ["Let go of it", "เลิกใช้ทำนองนั้น"],
  suggest: ["Suggest techniques", "แนะนำเทคนิค"],
  suggested: ["{n} of {all} notes would get an ornament: those that likeliest have one.", "{n} จาก {all} โน้ตจะได้เทคนิคประดับ คือโน้ตที่น่าจะมีมากที่สุด"],
  abstains: ["no answer", "ไม่มีคำตอบ"],
  note: ["Note", "โน้ต"],
  technique: ["Technique", "เทคนิค"],
  why: ["Why that ornament", "เหตุผลของเทคนิคประดับ"],
  ifOrnamented: ["Ornament, if it has one", "เทคนิคประดับ ถ้ามี"],
  usePlayed: ["Put them on the tune", "ใส่ลงในทำนอง"],
  variations: ["Variations", "แบบอื่น"],
  drawFour: ["Draw four", "สร้างสี่แบบ"],
  listen: ["Listen to {n}", "ฟังแบบที่ {n}"],
  keep: ["Keep {n}", "เก็บแบบที่ {n}"],
  practice: ["Practise", "ฝึกซ้อม"],
  speed: ["Speed", "ความเร็วขณะฝึก"],
  loop: ["Repeat the chosen hong, or all", "วนซ้ำห้องที่เลือก หรือทั้งหมด"],
  countIn: ["Count in", "นับก่อนเข้า"],
  ching: ["Ching (ฉิ่ง-ฉับ) on slot 4", "ฉิ่ง-ฉับ ที่ช่องที่ 4"],
  droneAlone: ["The drone alone", "เสียงเสพอย่างเดียว"],
  noDroneAlone: [
    "no lai is chosen that an open string of this tuning drones under",
    "ยังไม่ได้เลือกลายที่มีสายเปล่าเป็นเสียงเสพในการตั้งสายนี้",
  ],
  concert: ["Concert pitch", "ระดับเสียง"],
  cents: ["{cents} cents", "{cents} เซนต์"],
  save: ["Save and share", "บันทึกและแบ่งปัน"],
  copyLink: ["Copy the link", "คัดลอกลิงก์"],
  copied: ["Copied: the link gives this tune again.", "คัดลอกแล้ว: ลิงก์นี้ให้ทำนองเดิม"],
  noLink: ["This tune is too long for a link: save it as a file instead.", "ทำนองนี้ยาวเกินกว่าจะใส่ในลิงก์ ให้บันทึกเป็นไฟล์แทน"],
  linkIs: ["The link of this tune:", "ลิงก์ของทำนองนี้:"],
  mid: ["MIDI", "MIDI"],
  txt: ["Letters", "โน้ตไทย"],
  tab: ["Tablature", "แท็บ"],
  html: ["Sheet to print", "โน้ตสำหรับพิมพ์"],
  wav: ["Sound", "เสียง"],
  withDrone: ["Strike a drone in the sound file, under a tune that has none", "ใส่เสียงเสพในไฟล์เสียง ให้ทำนองที่ยังไม่มี"],
  hasDrone: ["this one has a drone or chords already", "ทำนองนี้มีเสียงเสพหรือคอร์ดอยู่แล้ว"],
  unknownDrone: ["this one names no lai, which would say what drones", "ทำนองนี้ไม่ระบุลาย จึงไม่รู้ว่าใช้เสียงเสพใด"],
  stage: ["The tune", "ทำนอง"],
  controls: ["Settings", "ค่าตั้ง"],
  neck: ["The neck: string 1 is the highest", "คอพิณ: สาย 1 คือสายสูงสุด"],
  roll: ["Piano roll of the tune as it plays", "ผังเสียงของทำนองขณะเล่น"],
  page: ["The page", "หน้าโน้ต"],
  tablature: ["Tablature", "แท็บ"],
  hong: ["Hong", "ห้อง"],
  place: ["string {string}, fret {fret}", "สาย {string} เฟรต {fret}"],
  line: ["Line", "บรรทัด"],
  empty: ["Press play: a new tune is drawn note by note, here in letters and above on the neck.", "กดเล่น: ทำนองใหม่จะปรากฏทีละตัวเป็นโน้ตไทยที่นี่ และบนคอพิณข้างบน"],
  playHere: ["Play from here", "เล่นจากตรงนี้"],
  unchoose: ["Choose none", "ยกเลิก"],
  chosenOne: ["Hong {a} chosen", "เลือกห้อง {a}"],
  chosen: ["Hong {a} to {b} chosen", "เลือกห้อง {a} ถึง {b}"],
  loopThese: ["Repeat", "วนซ้ำ"],
  drawing: ["Drawing…", "กำลังสร้าง…"],
  goesOn: ["It goes on until you stop it, for {notes} notes at the most.", "เล่นต่อไปเรื่อย ๆ จนกว่าจะหยุด ไม่เกิน {notes} โน้ต"],
  unheard: [
    "It rested for long: the tune ends after hong {hong}. “Continue it” goes on from there.",
    "หยุดไว้นาน ทำนองจึงจบหลังห้องที่ {hong} กด “เล่นต่อ” เพื่อต่อจากตรงนั้น",
  ],
  drawn: ["{hong} hong in lai {lai}, {notes} notes.", "{hong} ห้อง ลาย{lai} {notes} โน้ต"],
  drawnNone: ["{hong} hong in no lai, {notes} notes.", "{hong} ห้อง ไม่อยู่ในลายใด {notes} โน้ต"],
  lost: ["The connection dropped. Going on as soon as it is back…", "การเชื่อมต่อขาด จะต่อเมื่อกลับมา…"],
  stale: ["Settings changed: a new tune takes them up.", "ค่าตั้งเปลี่ยน: ทำนองใหม่จะใช้ค่านี้"],
  otherGraph: ["This link was made with another model: its tune may be another one.", "ลิงก์นี้มาจากโมเดลอื่น ทำนองอาจต่างออกไป"],
  brokenLink: ["The tune inside this link is torn; the settings are kept.", "ทำนองในลิงก์เสียหาย แต่ค่าตั้งยังอยู่"],
  unreached: ["the server cannot be reached", "ติดต่อเซิร์ฟเวอร์ไม่ได้"],
  unreachedRemedy: ["see that it runs and that you are connected, then press again", "ตรวจดูว่าเซิร์ฟเวอร์ทำงานและเชื่อมต่ออยู่ แล้วกดอีกครั้ง"],
  unsounded: ["no sound comes out of this device", "อุปกรณ์นี้ไม่มีเสียงออก"],
  unsoundedRemedy: [
    "see that it has a loudspeaker or headphones and that the browser may use them, then press again",
    "ตรวจดูว่ามีลำโพงหรือหูฟัง และเบราว์เซอร์ใช้ได้ แล้วกดอีกครั้ง",
  ],
  loading: ["Loading the model…", "กำลังโหลดโมเดล…"],
  loadingSize: ["Loading the model, {mb} MB…", "กำลังโหลดโมเดล {mb} MB…"],
  unloaded: ["the model cannot be loaded", "โหลดโมเดลไม่ได้"],
  unloadedRemedy: ["see that you are connected, then press again", "ตรวจดูการเชื่อมต่อ แล้วกดอีกครั้ง"],
  kept: ["Kept on this device: it works offline.", "เก็บไว้ในเครื่องนี้แล้ว สร้างและเล่นได้โดยไม่ต้องต่อเน็ต"],
  newer: ["A newer page is here.", "มีหน้านี้รุ่นใหม่แล้ว"],
  takeNewer: ["Reload with it", "ใช้รุ่นใหม่"],
  licences: ["Licences", "สัญญาอนุญาต"],
  retryAfter: ["Try again in {n} seconds.", "ลองใหม่ใน {n} วินาที"],
  mistake: ["this page made a mistake", "หน้านี้ผิดพลาด"],
  close: ["Close", "ปิด"],
  model: ["Learned from {corpus}. {licence}", "เรียนจาก {corpus} {licence}"],
};

const LANGUAGES = ["en", "th"];
const STORED = "phin.language";

function remembered() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null; // a browser that keeps nothing
  }
}

const wished = [remembered(), ...(navigator.languages ?? [navigator.language])].filter(Boolean);
let language = wished.map((each) => each.slice(0, 2)).find((each) => LANGUAGES.includes(each)) ?? "en";

export const currentLanguage = () => language;

/** The words of a key, with {names} filled in; a key that has none is given back. */
export function t(key, values = {}) {
  const words = WORDS[key]?.[LANGUAGES.indexOf(language)] ?? key;
  return words.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** What phin said, in the language of the page. */
export const said = (sentence) => (language === "th" ? inThai(sentence) : sentence);

/** Puts all words of a document into a language. */
export function translate(chosen = language) {
  language = chosen;
  try {
    localStorage.setItem(STORED, chosen);
  } catch {
    // it is asked for again the next time
  }
  document.documentElement.lang = chosen;
  document.title = chosen === "th" ? "พิณ · phin" : "phin · พิณ";
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll("[data-t-label]")) node.setAttribute("aria-label", t(node.dataset.tLabel));
}
