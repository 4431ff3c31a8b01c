// The static picture that stands in the saved notebook above the gallery, and gives way while the gallery lives.
// gallery.css hides it by the class of the gallery's root: its output may be filled in later.

/** What holds one output of a cell in JupyterLab and Notebook 7, in VS Code, in Colab. */
const OUTPUT = ".jp-OutputArea-child, .output_container, .output_subarea";

/** Height in pixels of the static picture of the same cell, or of the room kept for it. */
export function pictureHeight(el: Element): number {
  const before = el.closest(OUTPUT)?.previousElementSibling;
  return before instanceof HTMLElement ? before.offsetHeight : 0;
}
