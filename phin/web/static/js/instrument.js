// What strokes are sent to: strings that sound in a context, beside the page where the browser lets them.
//
// An AudioWorklet there is only over https and on this machine itself. A phone that opens the page of a laptop in the
// same network has none: there the page's own thread sounds the strings, which a busy page may interrupt.

import { Strings } from "./strings.js";

const FRAMES = 1024; // that the page's thread sounds at once, 23 ms

/** Resolves to the function that strokes are sent with, as `Strings.hear` takes them; `tell` hears which ones began. */
export async function instrument(context, tell) {
  if (context.audioWorklet) {
    await context.audioWorklet.addModule(new URL("./pluck.js", import.meta.url));
    const node = new AudioWorkletNode(context, "strings", { numberOfInputs: 0, outputChannelCount: [1] });
    node.port.onmessage = ({ data }) => tell(data.began);
    node.connect(context.destination);
    return (said) => node.port.postMessage(said);
  }
  const strings = new Strings(context.sampleRate);
  const node = context.createScriptProcessor(FRAMES, 0, 1);
  node.onaudioprocess = ({ outputBuffer, playbackTime }) => {
    const out = outputBuffer.getChannelData(0);
    out.fill(0);
    const began = strings.sound(out, Math.round(playbackTime * context.sampleRate));
    if (began.length) tell(began);
  };
  node.connect(context.destination);
  return (said) => {
    strings.hear(said);
    node.isAlive = true; // the function holds the node: one that nobody holds falls silent
  };
}
