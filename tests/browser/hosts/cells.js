// The cells of a notebook page: run on a kernel, their outputs kept in the form of nbformat.

import { CommsOverSubshells, KernelManager, ServerConnection } from "@jupyterlab/services";

const KEPT = new Set(["stream", "display_data", "execute_result", "error"]);

/** Starts a kernel of the server that the page's address names behind its `#`. */
export async function startKernel({ Socket = WebSocket, handleComms = true } = {}) {
  const asked = new URLSearchParams(location.hash.slice(1));
  const baseUrl = asked.get("server");
  const serverSettings = ServerConnection.makeSettings({
    baseUrl,
    wsUrl: baseUrl.replace("http", "ws"),
    token: asked.get("token"),
    appendToken: true,
    WebSocket: Socket,
  });
  const manager = new KernelManager({ serverSettings });
  await manager.ready;
  const kernel = await manager.startNew({ name: "python3" }, { handleComms });
  kernel.commsOverSubshells = CommsOverSubshells.Disabled;
  await kernel.info;
  return kernel;
}

export class Cells {
  #cells = [];

  /** @param show is called with the cell, the number of the output, and the output, new or changed. */
  constructor(kernel, show) {
    this.kernel = kernel;
    this.show = show;
  }

  get length() {
    return this.#cells.length;
  }

  append(source) {
    return this.#cells.push({ source, outputs: [], isRunning: false }) - 1;
  }

  edit(index, source) {
    this.#cells[index].source = source;
  }

  outputs(index) {
    return this.#cells[index].outputs;
  }

  isRunning(index) {
    return this.#cells[index].isRunning;
  }

  /** Ends once the kernel is idle again. */
  async run(index) {
    const cell = this.#cells[index];
    cell.isRunning = true;
    cell.outputs = [];
    this.show(index, -1, undefined);
    const future = this.kernel.requestExecute({ code: cell.source, allow_stdin: true });
    future.onIOPub = ({ header, content }) => this.#take(index, cell, header.msg_type, content);
    await future.done;
    cell.isRunning = false;
  }

  #take(index, cell, type, content) {
    const { transient = {}, ...rest } = content;
    if (type === "update_display_data") {
      for (const [number, output] of cell.outputs.entries()) {
        if (output.place !== transient.display_id) continue;
        Object.assign(output, { data: rest.data, metadata: rest.metadata });
        this.show(index, number, output);
      }
    } else if (KEPT.has(type)) {
      cell.outputs.push({ output_type: type, ...rest, place: transient.display_id });
      this.show(index, cell.outputs.length - 1, cell.outputs.at(-1));
    }
  }
}

/** What an output is drawn as: the first that a page of this kind knows. */
export function chosen(output) {
  if (output.output_type === "stream") return ["text/plain", output.text];
  if (output.output_type === "error") return ["text/plain", `${output.ename}: ${output.evalue}`];
  const known = ["application/vnd.jupyter.widget-view+json", "text/html", "image/jpeg", "text/plain"];
  const kind = known.find((one) => one in output.data);
  return [kind, output.data[kind]];
}

/** Draws what is no widget. */
export function drawStatic(element, kind, value) {
  if (kind === "text/html") {
    element.innerHTML = value;
  } else if (kind === "image/jpeg") {
    const image = document.createElement("img");
    image.src = `data:image/jpeg;base64,${value}`;
    element.replaceChildren(image);
  } else {
    const text = document.createElement("pre");
    text.textContent = value;
    element.replaceChildren(text);
  }
}
