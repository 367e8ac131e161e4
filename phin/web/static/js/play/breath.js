// Between two notes messages are let in: a graph that runs gives way to nothing, not even to what would stop it.

const { port1, port2 } = new MessageChannel();
const waiting = [];
port1.onmessage = () => waiting.shift()();

export const breath = () => new Promise((done) => (waiting.push(done), port2.postMessage(null)));
