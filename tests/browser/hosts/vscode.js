// The editor around the webview: it alone has the kernel. What its socket brings goes to the webview as it came, and
// what the webview wants to say to the kernel goes out of that socket.

import { Cells, startKernel } from "./cells.js";

const webview = document.getElementById("webview");
const origin = new URL(webview.src, location.href).origin;
const post = (message) => webview.contentWindow.postMessage(message, origin);

let socket;
class TappedSocket extends WebSocket {
  constructor(...where) {
    super(...where);
    socket = this;
    this.addEventListener("message", ({ data }) => post({ type: "socket", data }));
  }
}

const isReady = new Promise((ready) => {
  addEventListener("message", ({ data, origin: from }) => {
    if (from !== origin) return;
    if (data.type === "ready") ready();
    if (data.type === "socket") socket.send(data.data);
    if (data.type === "link") open(data.href, "_blank", "noopener");
  });
});

await isReady;
const kernel = await startKernel({ Socket: TappedSocket, handleComms: false });
const { model, clientId, username } = kernel;
post({ type: "kernel", model, clientId, username });

window.cells = new Cells(kernel, (cell, number, output) => post({ type: "output", cell, number, output }));
window.setTheme = (theme) => post({ type: "theme", theme });
