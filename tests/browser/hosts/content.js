// Inside the webview: VS Code's own widget manager, on a kernel connection whose socket is `postMessage`.

import { CommsOverSubshells, ServerConnection } from "@jupyterlab/services";
import { KernelConnection } from "@jupyterlab/services/lib/kernel/default";
import { activate } from "./ipywidgets8.js";
import { chosen, drawStatic } from "./cells.js";

const THEMES = {
  light: { "editor-background": "#ffffff", "editor-foreground": "#3b3b3b", focusBorder: "#005fb8", errorForeground: "#c72e0f" },
  dark: { "editor-background": "#1f1f1f", "editor-foreground": "#cccccc", focusBorder: "#0078d4", errorForeground: "#f85149" },
};
const post = (message) => parent.postMessage(message, "*");

let socket;
class PostedSocket {
  protocol = "v1.kernel.websocket.jupyter.org";
  constructor() {
    socket = this;
    setTimeout(() => this.onopen?.({ target: this }));
  }
  send(data) {
    post({ type: "socket", data });
  }
  close() {}
}

const WIDGET = "application/vnd.jupyter.widget-view+json";

// A widget is drawn once this kernel connection, too, has come to the message that displays it: then its model is there.
const displayed = new Map();
const whenDisplayed = (id) => {
  if (!displayed.has(id)) {
    let come;
    const isThere = new Promise((resolve) => {
      come = resolve;
    });
    displayed.set(id, { isThere, come });
  }
  return displayed.get(id);
};

let manager;
const connect = ({ model, clientId, username }) => {
  const serverSettings = ServerConnection.makeSettings({ WebSocket: PostedSocket, wsUrl: "ws://nowhere.invalid/" });
  const kernel = new KernelConnection({ serverSettings, model, clientId, username, handleComms: true });
  kernel.commsOverSubshells = CommsOverSubshells.Disabled;
  kernel.iopubMessage.connect((_, { content }) => {
    const id = content.data?.[WIDGET]?.model_id;
    if (id !== undefined) whenDisplayed(id).come();
  });
  requirejs.config({ paths: { anywidget: "anywidget" } });
  const scripts = {
    widgetsRegisteredInRequireJs: new Set(["anywidget"]),
    loadWidgetScript: async () => {},
    successHandler: () => {},
    errorHandler: (name, module, _, error) => console.error(`no ${name} of ${module}: ${error}`),
  };
  manager = new vscIPyWidgets.WidgetManager(kernel, document.body, scripts, () => {});
};

const drawWidget = async (element, { model_id }) => {
  const ground = document.createElement("div");
  ground.className = "cell-output-ipywidget-background";
  element.replaceChildren(ground);
  await whenDisplayed(model_id).isThere;
  const view = await manager.create_view(await manager.get_model(model_id), { el: ground });
  await manager.display_view({}, view, { node: ground });
};

// The editor places every output by hand, from the heights that the webview reports.
const heights = new ResizeObserver(() => place());
const place = () => {
  let top = 0;
  for (const cell of document.querySelectorAll(".cell_container")) {
    cell.style.top = `${top}px`;
    let within = 0;
    for (const box of cell.children) {
      const { offsetHeight } = box.firstElementChild;
      box.style.top = `${within}px`;
      box.style.height = `${offsetHeight}px`;
      within += offsetHeight;
    }
    top += within + 12;
  }
  document.getElementById("container").style.height = `${top}px`;
};

const box = (parentElement, className, number) => {
  while (parentElement.children.length <= number) {
    const made = document.createElement("div");
    made.className = className;
    if (className === "output_container") {
      made.append(Object.assign(document.createElement("div"), { className: "output" }));
      heights.observe(made.firstElementChild);
    }
    parentElement.append(made);
  }
  return parentElement.children[number];
};

const show = ({ cell, number, output }) => {
  const container = box(document.getElementById("container"), "cell_container", cell);
  container.id = `cell-${cell}`;
  if (output === undefined) {
    container.replaceChildren();
    return;
  }
  const element = box(container, "output_container", number).firstElementChild;
  const [kind, value] = chosen(output);
  if (kind === WIDGET) void drawWidget(element, value);
  else drawStatic(element, kind, value);
};

const setTheme = (theme) => {
  document.body.className = `vscode-${theme}`;
  document.body.dataset.vscodeThemeKind = `vscode-${theme}`;
  const { style } = document.documentElement;
  for (const [name, value] of Object.entries(THEMES[theme])) style.setProperty(`--vscode-${name}`, value);
  style.background = THEMES[theme]["editor-background"];
};

const TAKEN = {
  socket: ({ data }) => socket?.onmessage?.({ target: socket, data }),
  kernel: connect,
  output: show,
  theme: ({ theme }) => setTheme(theme),
};
addEventListener("message", ({ data }) => TAKEN[data.type]?.(data));
activate();
vscIPyWidgets8.load();
setTheme("light");
post({ type: "ready" });
