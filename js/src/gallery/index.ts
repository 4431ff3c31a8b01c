// The gallery widget: a grid of a dataset's rows, one of them large on demand.

import { Channel, type Model } from "../channel.ts";
import { element, plural } from "../shared/dom.ts";
import { ALL_OVERLAYS, type Overlays } from "../shared/paint.ts";
import { Viewer } from "../viewer/viewer.ts";
import { Grid } from "./grid.ts";
import { pictureHeight } from "./standin.ts";
import { Tiles } from "./tiles.ts";
import "./gallery.css";

const SMALLEST = 72;
const LARGEST = 320;
const SHORTEST = 340;
const TALLEST = 520;
const BOX_PX = 256;

interface Traits {
  length: number;
  tensors: string[];
  tensor: string;
  title: string;
  overlays: string[];
  tile_px: number;
  sheet: number[];
  selected: number;
}

function read<K extends keyof Traits>(model: Model, name: K): Traits[K] {
  return model.get(name) as Traits[K];
}

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const channel = new Channel(model);
  const length = read(model, "length");
  let tensor = read(model, "tensor");
  let overlays: Overlays = ALL_OVERLAYS;
  let isLive = false;

  // Hidden until the kernel has answered once: without a kernel the static picture above stays what is seen.
  const root = element("div", "deeplake-nb", { hidden: true });
  // JupyterLab matches its shortcuts against the focused element itself: only a mark on that keeps them away.
  root.addEventListener("focusin", (event) => {
    (event.target as Element).setAttribute("data-lm-suppress-shortcuts", "true");
  });
  const busy = element("span", "dl-busy", { role: "status" });
  const main = element("div", "dl-main");

  const show = () => {
    if (isLive) return;
    isLive = true;
    const hasPicture = read(model, "sheet").length > 0;
    const room = (hasPicture && pictureHeight(el)) || TALLEST;
    root.hidden = false;
    root.classList.toggle("dl-for-picture", hasPicture);
    grid.measure();
    // As high as the picture it stands in for, so that nothing on the page moves; but few rows are shown whole.
    const whole = grid.height + root.clientHeight - grid.root.clientHeight;
    root.style.height = `${whole <= TALLEST ? Math.max(whole, SHORTEST) : Math.max(room, SHORTEST)}px`;
  };

  const makeTiles = () =>
    new Tiles(channel, tensor, BOX_PX, {
      arrived: (row) => {
        show();
        grid.arrived(row);
      },
      busy: (isBusy) => {
        busy.textContent = isBusy ? "kernel busy" : "";
      },
    });
  let tiles = makeTiles();

  const grid = new Grid(
    {
      tile: (row) => tiles.get(row),
      want: (rows, isFlying) => tiles.want(rows, isFlying),
      isSelected: () => false,
      select: () => {},
      open: (row) => viewer.open(row),
      focused: (row) => {
        model.set("selected", row);
        model.save_changes();
      },
    },
    length,
    read(model, "tile_px"),
  );
  const viewer = new Viewer(
    channel,
    () => tensor,
    length,
    () => overlays,
    { closed: (row) => grid.reveal(row, true) },
  );

  const bar = element("div", "dl-bar dl-toolbar", { role: "toolbar", "aria-label": "Gallery" });
  bar.append(element("span", "dl-title", {}, plural(length, "row")));
  const names = read(model, "tensors");
  if (names.length > 1) {
    const select = element("select", "dl-select", { "aria-label": "Tensor shown" });
    select.append(
      ...names.map((name) => element("option", "", { value: name, selected: name === tensor }, name)),
    );
    select.addEventListener("change", () => {
      tensor = select.value;
      model.set("tensor", tensor);
      model.save_changes();
      tiles.close();
      tiles = makeTiles();
      grid.repaint();
    });
    bar.append(select);
  } else {
    bar.append(element("span", "dl-htype", {}, tensor));
  }
  for (const name of read(model, "overlays") as (keyof Overlays)[]) {
    const box = element("input", "", { type: "checkbox", checked: true });
    box.addEventListener("change", () => {
      overlays = { ...overlays, [name]: box.checked };
      grid.overlays = overlays;
      grid.repaint();
      viewer.repaint();
    });
    bar.append(element("label", "dl-toggle", {}, box, name));
  }
  bar.append(element("span", "dl-space"), busy);
  const goTo = element("input", "dl-goto", {
    type: "number",
    min: 0,
    max: Math.max(0, length - 1),
    placeholder: "row",
    "aria-label": "Go to row",
  });
  goTo.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || goTo.value === "") return;
    grid.reveal(Number(goTo.value), true);
    event.preventDefault();
  });
  const size = element("input", "dl-size", {
    type: "range",
    min: SMALLEST,
    max: LARGEST,
    value: read(model, "tile_px"),
    "aria-label": "Tile size",
  });
  size.addEventListener("input", () => grid.measure(Number(size.value)));
  bar.append(goTo, size);

  main.append(grid.root, viewer.root);
  root.append(bar, main);
  el.append(root);
  // Ask before anything is laid out: the answer is what makes the gallery appear.
  const first = Math.min(length, 24);
  tiles.want(Array.from({ length: first }, (_, row) => row));

  return () => {
    viewer.dispose();
    grid.close();
    tiles.close();
    channel.close();
  };
}

export default { render };
