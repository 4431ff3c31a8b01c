// A page like Colab's: each cell has its outputs in a frame of another origin. The page has the kernel and the comms;
// the frame asks for the state of a model, and messages of its comm cross with their buffers.

import { Cells, startKernel } from "./cells.js";

const FRAMES = document.body.dataset.frames;
const kernel = await startKernel();
const frames = new Map();
const models = new Map();
let theme = "light";

const bytes = (buffers) => (buffers ?? []).map((one) => (ArrayBuffer.isView(one) ? one.buffer.slice(one.byteOffset, one.byteOffset + one.byteLength) : one));
const post = (message) => {
  for (const { window: frame } of frames.values()) frame.postMessage(message, FRAMES);
};

kernel.registerCommTarget("jupyter.widget", (comm, { content }) => {
  const model = { comm, state: content.data.state };
  models.set(comm.commId, model);
  comm.onMsg = (message) => {
    const { data } = message.content;
    if (data.method === "update") Object.assign(model.state, data.state);
    post({ type: "comm", id: comm.commId, data, buffers: bytes(message.buffers) });
  };
});

const ANSWERED = {
  state: ({ id }) => models.get(id)?.state,
  send: ({ id, data, buffers }) => models.get(id).comm.send(data, {}, buffers).done.then(() => null),
};

addEventListener("message", async ({ data, origin, source }) => {
  if (origin !== FRAMES) return;
  const frame = [...frames.values()].find((one) => one.element.contentWindow === source);
  if (data.type === "ready") {
    frame.ready(source);
  } else if (data.type === "height") {
    frame.element.style.height = `${data.height}px`;
  } else {
    const value = await ANSWERED[data.type](data);
    source.postMessage({ type: "answer", number: data.number, value }, FRAMES);
  }
});

const frameOf = async (cell) => {
  if (!frames.has(cell)) {
    const element = Object.assign(document.createElement("iframe"), { id: `cell-${cell}`, src: `${FRAMES}/frame.html` });
    element.sandbox = "allow-downloads allow-forms allow-scripts allow-same-origin allow-popups";
    const frame = { element };
    frame.window = new Promise((ready) => {
      frame.ready = ready;
    });
    frames.set(cell, frame);
    document.body.append(element);
    frame.window = await frame.window;
    frame.window.postMessage({ type: "theme", theme }, FRAMES);
  }
  return frames.get(cell).window;
};

// One after another, as the frame of a cell comes with its first output.
let shown = Promise.resolve();
window.cells = new Cells(kernel, (cell, number, output) => {
  const drawn = structuredClone(output);
  shown = shown.then(async () => (await frameOf(cell)).postMessage({ type: "output", number, output: drawn }, FRAMES));
});
window.setTheme = (wanted) => {
  theme = wanted;
  document.documentElement.setAttribute("theme", theme);
  post({ type: "theme", theme });
};
