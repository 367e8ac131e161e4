// What phin says, in Thai: what is refused where a person sets, types, taps or opens something on the page, and why a
// technique would fit. Each sentence stands as phin says it, with {} where something of the matter stands; one that is not
// here is shown as it is.

const SENTENCES = [
  ["yai", "ใหญ่"],
  ["noi", "น้อย"],
  ["se", "เซ"],
  ["sutsanaen", "สุดสะแนน"],
  ["po sai", "โป้ซ้าย"],
  ["soi", "สร้อย"],
  // letters that are typed
  ["hong {}, slot {}", "ห้องที่ {1} ช่องที่ {2}"],
  ["letter {} of its group", "ตัวที่ {1} ของกลุ่ม"],
  ["{}: {} is no letter of the seven", "{1}: {2} ไม่ใช่ตัวโน้ตใดในเจ็ดตัว"],
  ["write {}, 1 to 9, or - where nothing is struck", "พิมพ์ {1} เลข 1 ถึง 9 หรือ - ตรงที่ไม่ดีด"],
  ["{} is no notation", "{1} ไม่ใช่โน้ต"],
  ["write {}, 1 to 9 or -, and round brackets about words", "พิมพ์ {1} เลข 1 ถึง 9 หรือ - และใส่วงเล็บรอบคำ"],
  ["has {} slots, and four make a hong", "มี {1} ช่อง แต่หนึ่งห้องมีสี่ช่อง"],
  ["has 1 slot, and four make a hong", "มีช่องเดียว แต่หนึ่งห้องมีสี่ช่อง"],
  ["write whole hong, with | between them", "พิมพ์ให้ครบห้อง คั่นด้วย |"],
  ["hong {} has {} letters and hyphens, not 4", "ห้องที่ {1} มีตัวโน้ตและขีดรวม {2} ตัว ไม่ใช่ 4"],
  [
    "write four, or set blanks between its slots where one has several letters",
    "พิมพ์สี่ตัว หรือเว้นวรรคระหว่างช่องเมื่อช่องหนึ่งมีหลายตัว",
  ],
  ["{}: {} letters share a slot", "{1}: มี {2} ตัวในช่องเดียว"],
  ["write one, two or three in a slot", "พิมพ์หนึ่ง สอง หรือสามตัวต่อช่อง"],
  ["{}: {} is high and low at once", "{1}: {2} มีเครื่องหมายเสียงสูงและเสียงต่ำพร้อมกัน"],
  ["leave one of its marks out", "เอาเครื่องหมายออกหนึ่งอัน"],
  ["{}: {} is more than {} octaves from the unmarked letters", "{1}: {2} ห่างจากตัวที่ไม่มีเครื่องหมายเกิน {3} ช่วงเสียง"],
  ["leave some of its marks out", "เอาเครื่องหมายออกบ้าง"],
  ["has no letters", "ไม่มีตัวโน้ต"],
  ["write letters ({}) in hong of four slots", "พิมพ์ตัวโน้ต ({1}) ห้องละสี่ช่อง"],
  ["there is no lai {}", "ไม่มีลาย {1}"],
  ["take one of {}, or leave the line out", "เลือกหนึ่งใน {1} หรือลบบรรทัดนั้น"],
  ["{} is no tempo", "{1} ไม่ใช่ความเร็ว"],
  ["write hong a minute, such as tempo: 110", "พิมพ์จำนวนห้องต่อนาที เช่น tempo: 110"],
  ["{} is said twice", "มี {1} สองครั้ง"],
  ["leave one of the two out", "ลบออกหนึ่งอัน"],
  ["is in a shorthand that leaves its rhythm out", "เป็นโน้ตย่อที่ไม่บอกจังหวะ"],
  ["write it with hyphens, in hong of four slots", "พิมพ์พร้อมขีด ห้องละสี่ช่อง"],
  // what a tune that something is made of cannot have
  ["{} quarters pass before note {} begins, and {} quarters can be held", "ก่อนโน้ตตัวที่ {2} ว่าง {1} จังหวะ แต่รับได้ไม่เกิน {3} จังหวะ"],
  ["shorten that rest, or leave the tune out", "ย่อช่วงว่างนั้น หรือใช้ทำนองอื่น"],
  ["note {} has pitch {}, and {} to {} can be held", "โน้ตตัวที่ {1} เป็นเสียง {2} แต่รับได้เฉพาะ {3} ถึง {4}"],
  ["shorten or move that note, or leave the tune out", "ย่อหรือย้ายโน้ตนั้น หรือใช้ทำนองอื่น"],
  ["has pitch {} where a note stays, and {} to {} can be held", "มีเสียง {1} ในโน้ตที่ต้องคงไว้ แต่รับได้เฉพาะ {2} ถึง {3}"],
  ["move it by whole octaves first", "เลื่อนทั้งทำนองขึ้นหรือลงทีละช่วงเสียงก่อน"],
  // a file that is opened
  ["the file", "ไฟล์"],
  ["takes longer than {} s to read", "ใช้เวลาอ่านเกิน {1} วินาที"],
  ["send a smaller tune, or export it again from the program that made it", "ส่งทำนองที่สั้นกว่า หรือบันทึกออกใหม่จากโปรแกรมที่สร้าง"],
  // what is saved
  ["{}: {} has no Thai letter", "{1}: {2} ไม่มีตัวโน้ตไทย"],
  [
    "move the tune to where each note has one (phin-convert --transpose or --fit), or keep it as MIDI",
    "เลื่อนทำนองไปยังช่วงที่ทุกเสียงมีตัวโน้ต หรือบันทึกเป็น MIDI",
  ],
  // settings that exclude each other
  ["no open string of {} has the tonic or the fifth of lai {}", "การตั้งสาย {1} ไม่มีสายเปล่าที่เป็นเสียงหลักหรือคู่ห้าของลาย{2}"],
  ["take another keep.tuning, or no drone", "เลือกการตั้งสายอื่น หรือไม่ใช้เสียงเสพ"],
  ["lai {} has {} of its five notes on no fret of it", "ลาย{1} มี {2} ในห้าเสียงที่ไม่มีบนเฟรตใดเลย"],
  ["take another tuning, or another lai", "เลือกการตั้งสายอื่น หรือลายอื่น"],
  ["of lai {} {} of five notes lie under it", "ในห้าเสียงของลาย{1} มีเพียง {2} เสียงที่มือเอื้อมถึง"],
  ["the tonic of lai {} does not lie under it", "มือเอื้อมไม่ถึงเสียงหลักของลาย{1}"],
  ["take another fret, or let the hand move", "เลือกเฟรตอื่น หรือให้มือเลื่อนได้"],
  ["no {} is left to draw", "ไม่เหลือโน้ตที่เข้ากับทุกเงื่อนไข"],
  ["ask for less at once, or take another seed", "ลดเงื่อนไขลง หรือเปลี่ยนเลขตั้งต้น"],
  ["was drawn {} times, over {} notes a hong, and did not come to its end", "สร้าง {1} ครั้งแล้วยังไม่จบ"],
  ["bind its pace, as keep.most_notes=4, or train the model longer", "เปลี่ยนเลขตั้งต้น หรือลดจำนวนโน้ตต่อห้อง"],
  ["goes on and on: it does not come to its end", "เล่นไปเรื่อย ๆ ไม่จบ"],
  ["take another seed or number", "เปลี่ยนเลขตั้งต้น"],
  // a tune of one's own
  ["the given tune", "ทำนองที่ให้"],
  ["is too much after {}, which has {}: {} are the most in all", "ยาวเกินไปเมื่อต่อจาก {1} ซึ่งยาว {2} แล้ว รวมได้ไม่เกิน {3}"],
  ["take 1 to {}", "เลือก 1 ถึง {1}"],
  ["has {} lines already", "ยาว {1} บรรทัดแล้ว"],
  ["give a tune of fewer than {}", "ใช้ทำนองที่สั้นกว่า {1}"],
  ["has {} notes, {} of them of a melody", "มี {1} โน้ต เป็นทำนอง {2} โน้ต"],
  ["give a tune of 1 to {}", "ใช้ทำนองที่มี 1 ถึง {1} โน้ต"],
  ["{} has no melody note there, so there is nothing to play anew", "{1} ไม่มีโน้ตทำนองตรงนั้น จึงไม่มีอะไรให้แต่งใหม่"],
  ["take hong that hold some", "เลือกห้องที่มีโน้ต"],
  ["is in {}, which the model does not know", "อยู่ในจังหวะ {1} ซึ่งโมเดลไม่รู้จัก"],
  ["write it in another metre", "เขียนในจังหวะอื่น"],
  ["cannot be under {}, which has a drone or chords already", "ใส่ใต้ {1} ไม่ได้ เพราะมีเสียงเสพหรือคอร์ดอยู่แล้ว"],
  // what is said of a tune
  ["it rests for {} hong", "หยุดเงียบนาน {1} ห้อง"],
  ["it came out as it was given", "ออกมาเหมือนเดิม"],
  ["{} bits a note from what the model would play", "ห่างจากที่โมเดลจะเล่นเองโน้ตละ {1} บิต"],
  ["almost nothing was left to draw: {}", "แทบไม่เหลือโน้ตให้เลือก: {1}"],
  ["almost nothing was left to draw {} times, first: {}", "แทบไม่เหลือโน้ตให้เลือก {1} ครั้ง ครั้งแรก: {2}"],
  ["note {}: {} of its pitch", "โน้ตที่ {1} ระดับเสียงเหลือ {2} ส่วน"],
  ["note {}: {} of its step", "โน้ตที่ {1} จังหวะเข้าเหลือ {2} ส่วน"],
  ["note {}: {} of its duration", "โน้ตที่ {1} ความยาวเหลือ {2} ส่วน"],
  ["note {}: {} of its voice", "โน้ตที่ {1} แนวเสียงเหลือ {2} ส่วน"],
  [
    "melody notes {} to {} stand in a training tune, in this key or another (chance repeats fewer than {}): {}",
    "โน้ตทำนองที่ {1} ถึง {2} มีอยู่ในเพลงที่ใช้เรียน ในคีย์นี้หรือคีย์อื่น (โดยบังเอิญซ้ำน้อยกว่า {3}): {4}",
  ],
  ["broken off after {} notes", "ตัดจบหลัง {1} โน้ต"],
  ["every note moves {} semitones up", "ทุกโน้ตเลื่อนขึ้น {1} ครึ่งเสียง"],
  ["every note moves {} semitones down", "ทุกโน้ตเลื่อนลง {1} ครึ่งเสียง"],
  ["means nothing between a style and itself", "สองแบบเป็นแบบเดียวกัน"],
  ["let other be another, as other.source=han", "เลือกอีกแบบให้ต่างออกไป"],
  // the server
  ["{} at once are the most, and so many there are", "ขณะนี้เต็ม (รับได้ {1})"],
  ["try again in a moment", "ลองใหม่อีกสักครู่"],
  ["is one too many: of tunes and other requests {} are the most", "ขอถี่เกินไป รับได้ไม่เกิน {1}"],
  ["{} players", "ผู้เล่น {1} คนพร้อมกัน"],
  ["{} at once and {} a minute", "{1} ครั้งพร้อมกัน และ {2} ครั้งต่อนาที"],
  ["come again in {} s", "กลับมาใหม่ใน {1} วินาที"],
  ["is larger than {} MB", "ใหญ่กว่า {1} MB"],
  ["send one tune", "ส่งทำนองเดียว"],
  ["{}, and {} are the most", "{1} เกินที่รับได้คือ {2}"],
  ["has {} notes", "มี {1} โน้ต"],
  ["lasts {} s", "ยาว {1} วินาที"],
  ["send less", "ส่งให้น้อยลง"],
  ["was not drawn within {} s", "สร้างไม่เสร็จภายใน {1} วินาที"],
  ["ask for fewer or shorter tunes, or try again later", "ขอน้อยลงหรือสั้นลง หรือลองใหม่ภายหลัง"],
  ["is not there, or was forgotten after its end", "ไม่มีแล้ว หรือถูกลืมหลังจบ"],
  ["ask for a new one", "ขอใหม่"],
  ["is being stopped", "กำลังหยุดทำงาน"],
  ["start it again", "เปิดใหม่อีกครั้ง"],
  ["was played for {} s to nobody", "เล่นมา {1} วินาทีโดยไม่มีผู้ฟัง"],
  ["ask for another, and listen to its events", "ขอทำนองใหม่"],
  ["broke off by a fault of the program", "หยุดเพราะโปรแกรมผิดพลาด"],
  ["tell who runs the server", "แจ้งผู้ดูแลเซิร์ฟเวอร์"],
  // why a technique would fit
  ["it stands on the beat", "อยู่ที่จังหวะตก"],
  ["it stands between two beats", "อยู่กลางระหว่างจังหวะตก"],
  ["it stands on an odd slot", "อยู่ที่ช่องคี่"],
  ["it is as short as a slot or shorter", "ยาวไม่เกินหนึ่งช่อง"],
  ["it lasts a hong or longer", "ยาวหนึ่งห้องขึ้นไป"],
  ["it lasts two hong or longer", "ยาวสองห้องขึ้นไป"],
  ["it follows quickly, within two slots", "มาเร็ว ภายในสองช่อง"],
  ["it follows within a slot", "มาภายในหนึ่งช่อง"],
  ["it rises a step, quickly", "ขึ้นหนึ่งขั้นอย่างเร็ว"],
  ["it falls a step, quickly", "ลงหนึ่งขั้นอย่างเร็ว"],
  ["it rises a step", "ขึ้นหนึ่งขั้น"],
  ["it falls a step", "ลงหนึ่งขั้น"],
  ["it stays on the pitch", "เสียงเดิม"],
  ["it comes by a leap", "กระโดดมา"],
  ["it comes by a step and lasts longer than a slot", "มาทีละขั้นและยาวกว่าหนึ่งช่อง"],
  ["it is the first note", "เป็นโน้ตแรก"],
  ["it is the last note", "เป็นโน้ตสุดท้าย"],
  ["nothing speaks for another", "ไม่มีอะไรชี้ไปทางอื่น"],
  [
    "learned from synthetic pieces with techniques set by rules, not from players: a player knows better",
    "เรียนรู้จากเพลงสังเคราะห์ที่กำหนดเทคนิคด้วยกฎ ไม่ใช่จากผู้เล่นจริง ผู้เล่นย่อมรู้ดีกว่า",
  ],
];

const escaped = (text) => text.replace(/[.*+?^$()|[\]\\]/g, "\\$&");
const PATTERNS = SENTENCES.map(([english, thai]) => [new RegExp(`^${escaped(english).replaceAll("{}", "(.+?)")}$`), thai]);

/** A sentence in Thai, with what it speaks of in Thai too where that is a sentence itself; two that `and` joins likewise. */
export function inThai(sentence) {
  for (const [pattern, thai] of PATTERNS) {
    const found = pattern.exec(sentence);
    if (found) return thai.replace(/\{(\d)\}/g, (_, number) => inThai(found[number]));
  }
  const parts = sentence.split(" and ");
  if (parts.length === 1) return sentence;
  const thai = parts.map(inThai);
  return thai.every((each, place) => each !== parts[place]) ? thai.join(" และ") : sentence;
}
