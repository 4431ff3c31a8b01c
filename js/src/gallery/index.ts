// The gallery widget: a grid of a dataset's rows, one of them large on demand.

import { Channel, type Model, type Request } from "../channel.ts";
import { element } from "../shared/dom.ts";
import { ALL_OVERLAYS, type Overlays } from "../shared/paint.ts";
import { Viewer } from "../viewer/viewer.ts";
import { CodeBox } from "./codebox.ts";
import { Filters } from "./filters.ts";
import { Footer } from "./footer.ts";
import { Grid } from "./grid.ts";
import { Selection } from "./selection.ts";
import { pictureHeight } from "./standin.ts";
import { type Tile, Tiles } from "./tiles.ts";
import { Toolbar } from "./toolbar.ts";
import { read, watch, write } from "./traits.ts";
import "../shared/theme.css";
import "./gallery.css";

/** Pixels high: with more rows than are shown whole, without rows, and at the most. */
const SHORTEST = 340;
const LOWEST = 160;
const TALLEST = 520;
/** Pixels that tiles are asked for: the fewest that are enough for how large they are shown. */
const BOXES_PX = [256, 512] as const;
/** As much larger than asked for they may be shown. */
const STRETCH = 1.4;
const FIRST = 24;

function render(channel: Channel, model: Model, el: HTMLElement, first?: Request<"tiles">): () => void {
  let tensor = read(model, "tensor");
  let overlays: Overlays = ALL_OVERLAYS;
  let isLive = false;

  // Hidden until the kernel has answered once: without a kernel the static picture above stays what is seen.
  const root = element("div", "deeplake-nb", { hidden: true });
  // JupyterLab matches its shortcuts against the focused element itself: only a mark on that keeps them away.
  root.addEventListener("focusin", (event) => {
    (event.target as Element).setAttribute("data-lm-suppress-shortcuts", "true");
  });

  // As high as the picture it stands in for, so that nothing on the page moves; but few rows are shown whole.
  let room = TALLEST;
  let height = 0;
  const adapt = (least: number) => {
    const borders = root.offsetHeight - root.clientHeight;
    const whole = Math.max(grid.height + toolbar.root.offsetHeight + borders, LOWEST);
    height = Math.max(whole <= TALLEST ? whole : room, least);
    root.style.setProperty("--dl-height", `${height}px`);
  };

  const show = () => {
    if (isLive) return;
    isLive = true;
    const hasPicture = read(model, "sheet").length > 0;
    room = Math.max((hasPicture && pictureHeight(el)) || TALLEST, SHORTEST);
    root.hidden = false;
    root.classList.toggle("dl-for-picture", hasPicture);
    grid.measure();
    adapt(0);
  };

  const makeTiles = (): Tiles =>
    new Tiles(channel, tensor, boxOf(grid.tile), {
      arrived: (row) => {
        show();
        grid.arrived(row);
      },
      waiting: (state) => toolbar.say("tiles", state),
    });

  const selection = new Selection(channel, {
    changed: (rows) => {
      footer.select(rows.size);
      grid.repaint();
    },
    moved: (position) => grid.reveal(position, false),
  });
  const grid: Grid = new Grid(
    {
      tile: (row): Tile | undefined => tiles.get(row),
      want: (...rows) => {
        if (tiles.box !== boxOf(grid.tile)) {
          restart();
          grid.repaint();
        }
        tiles.want(...rows);
      },
      isSelected: (row) => selection.rows.size > 0 && selection.has(tiles.peek(row)?.message.number),
      open: (row) => viewer.open(row),
      select: (row, from) => {
        const number = tiles.peek(row)?.message.number;
        if (row !== from) void selection.extend(from, row);
        else if (number !== undefined) selection.toggle(number);
      },
      focused: (row) => write(model, "selected", row),
    },
    read(model, "length"),
    read(model, "tile_px"),
  );
  let tiles: Tiles = makeTiles();
  const viewer = new Viewer(
    channel,
    () => tensor,
    () => read(model, "length"),
    () => overlays,
    { closed: (row) => grid.reveal(row, true), waiting: (state) => toolbar.say("sample", state) },
  );
  const filters = new Filters(channel);
  const code = new CodeBox(channel);

  const restart = () => {
    tiles.close();
    tiles = makeTiles();
  };
  const toolbar = new Toolbar(model, {
    tensor: (name) => {
      tensor = name;
      write(model, "tensor", tensor);
      restart();
      grid.repaint();
    },
    overlays: (changed) => {
      overlays = { ...overlays, ...changed };
      grid.overlays = overlays;
      grid.repaint();
      viewer.repaint();
    },
    size: (px) => {
      grid.measure(px);
      adapt(0);
    },
    goTo: (row) => grid.reveal(row, true),
    filter: () => {
      const wasHidden = viewer.isOpen && filters.isOpen; // a sample takes their room, see gallery.css
      viewer.close();
      if (!wasHidden) filters.toggle();
      grid.measure();
      return filters.isOpen;
    },
    copy: () => void code.copy(grid.inSight),
  });
  const footer = new Footer({
    all: () => {
      filters.all();
      grid.root.focus({ preventScroll: true }); // where the keyboard was is about to go
    },
    deselect: () => {
      selection.clear();
      grid.root.focus({ preventScroll: true });
    },
  });
  footer.view(read(model, "view"));
  footer.select(selection.rows.size);

  const unwatch = [
    watch(model, "revision", () => {
      show(); // who changes the rows is alive, and the first tiles that were asked for are not wanted any more
      viewer.close();
      restart();
      toolbar.count();
      filters.fill();
      footer.view(read(model, "view"));
      grid.reset(read(model, "length"));
      adapt(height); // rows that go leave their room: they may come back with the next filter
    }),
    watch(model, "tensor", () => {
      if (read(model, "tensor") === tensor) return; // our own doing
      show();
      tensor = read(model, "tensor");
      toolbar.choose(tensor);
      restart();
      grid.repaint();
    }),
    watch(model, "selected", () => {
      const row = read(model, "selected");
      if (row >= 0 && row !== grid.current) grid.reveal(row, false);
    }),
    () => selection.close(),
  ];

  root.append(
    toolbar.root,
    filters.root,
    element("div", "dl-main", {}, grid.root, viewer.root, toolbar.busy),
    footer.root,
    code.root,
  );
  el.append(root);
  // Before anything is laid out: the first tile is what makes the gallery appear.
  const rows = Array.from({ length: Math.min(read(model, "length"), FIRST) }, (_, row) => row);
  if (first === undefined) tiles.want(rows);
  else tiles.expect(rows, first);

  return () => {
    for (const stop of unwatch) stop();
    viewer.dispose();
    grid.close();
    tiles.close();
  };
}

function boxOf(tile: number): number {
  const [least, most] = BOXES_PX;
  return tile * globalThis.devicePixelRatio <= least * STRETCH ? least : most;
}

/** One for each model. Its views share a channel, and the first of them gets what the kernel sends unasked. */
export default () => {
  let channel: Channel;
  let first: Request<"tiles"> | undefined;
  return {
    initialize({ model }: { model: Model }) {
      channel = new Channel(model);
      if (!read(model, "opened")) first = channel.expect("tiles");
      const drop = () => {
        first = undefined; // they are of other rows
      };
      const unwatch = [watch(model, "revision", drop), watch(model, "tensor", drop)];
      return () => {
        for (const stop of unwatch) stop();
        channel.close();
      };
    },
    render({ model, el }: { model: Model; el: HTMLElement }) {
      const expected = first;
      first = undefined;
      return render(channel, model, el, expected);
    },
  };
};
