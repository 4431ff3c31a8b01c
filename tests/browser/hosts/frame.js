// Inside the frame of a cell: a widget manager that knows the page only by messages, as Colab's custom one does. Buffers
// reach a widget as Uint8Array there, and modules come by `define` out of a package's distribution.

import * as base from "@jupyter-widgets/base";
import { ManagerBase } from "@jupyter-widgets/base-manager";
import { chosen, drawStatic } from "./cells.js";

const WIDGET = "application/vnd.jupyter.widget-view+json";
const answers = new Map();
const listeners = new Map();
let asked = 0;

const ask = (question) =>
  new Promise((answered) => {
    asked += 1;
    answers.set(asked, answered);
    parent.postMessage({ ...question, number: asked }, "*");
  });

class FrameComm {
  target_name = "";

  constructor(id) {
    this.comm_id = id;
  }

  send(data, callbacks, _metadata, buffers = []) {
    const whole = buffers.map((one) =>
      ArrayBuffer.isView(one) ? new Uint8Array(one.buffer, one.byteOffset, one.byteLength) : one,
    );
    const sent = { type: "send", id: this.comm_id, data: JSON.parse(JSON.stringify(data)), buffers: whole };
    void ask(sent).then(() => callbacks?.iopub?.status?.({ content: { execution_state: "idle" } }));
    return "";
  }

  on_msg(listener) {
    listeners.set(this.comm_id, ({ data, buffers }) =>
      listener({ content: { comm_id: this.comm_id, data }, buffers: buffers.map((one) => new Uint8Array(one)) }),
    );
  }

  on_close() {}

  close() {
    listeners.delete(this.comm_id);
  }
}

class Manager extends ManagerBase {
  #made = new Map();
  #modules = new Map();

  async loadClass(className, moduleName, _version) {
    if (moduleName === "@jupyter-widgets/base") return base[className];
    if (!this.#modules.has(moduleName)) this.#modules.set(moduleName, this.#load(moduleName));
    return (await this.#modules.get(moduleName))[className];
  }

  async #load(moduleName) {
    const script = await (await fetch(`${moduleName}.js`)).text();
    let exported;
    const define = (needed, factory) => {
      exported = factory(...needed.map(() => base));
    };
    new Function("define", script)(define);
    return exported;
  }

  get_model(id) {
    if (!this.#made.has(id)) this.#made.set(id, this.#make(id));
    return this.#made.get(id);
  }

  async #make(id) {
    const state = await ask({ type: "state", id });
    const names = { model_name: state._model_name, model_module: state._model_module };
    const version = { model_module_version: state._model_module_version };
    return this.new_model({ ...names, ...version, model_id: id, comm: new FrameComm(id) }, state);
  }

  async render({ model_id }, element) {
    const view = await this.create_view(await this.get_model(model_id));
    view.luminoWidget.processMessage({ type: "before-attach" });
    element.replaceChildren(view.el);
    view.luminoWidget.processMessage({ type: "after-attach" });
  }
}

const manager = new Manager();
const body = document.getElementById("output-body");

const show = ({ number, output }) => {
  if (output === undefined) {
    body.replaceChildren();
    return;
  }
  while (body.children.length <= number) body.append(document.createElement("div"));
  const element = body.children[number];
  const [kind, value] = chosen(output);
  element.className = `${output.output_type} output_subarea`;
  if (kind !== WIDGET) drawStatic(element, kind, value);
  else if (output.metadata?.[WIDGET]?.colab?.custom_widget_manager?.url) void manager.render(value, element);
  else element.textContent = "Third-party widgets are not enabled.";
};

const TAKEN = {
  output: show,
  comm: ({ id, ...message }) => listeners.get(id)?.(message),
  answer: ({ number, value }) => {
    answers.get(number)(value);
    answers.delete(number);
  },
  theme: ({ theme }) => document.documentElement.setAttribute("theme", theme),
};
addEventListener("message", ({ data }) => TAKEN[data.type]?.(data));
new ResizeObserver(() => parent.postMessage({ type: "height", height: body.offsetHeight }, "*")).observe(body);
parent.postMessage({ type: "ready" }, "*");
