// The strings in an AudioWorklet: they sound whatever the page is busy with, and tell each stroke as it began.

import { Strings } from "./strings.js";

class Plucked extends AudioWorkletProcessor {
  constructor() {
    super();
    this.strings = new Strings(sampleRate);
    this.port.onmessage = ({ data }) => this.strings.hear(data);
  }

  process(_, [[out]]) {
    const began = this.strings.sound(out, currentFrame);
    if (began.length) this.port.postMessage({ began });
    return true;
  }
}

registerProcessor("strings", Plucked);
