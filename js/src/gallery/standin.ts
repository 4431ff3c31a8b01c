// The static picture that stands in the saved notebook above the gallery, and gives way while the gallery lives.
// gallery.css hides it by the class of the gallery's root: its output may be filled in later.

/** Height in pixels of the static picture of the same cell, or of the room kept for it. */
export function pictureHeight(el: Element): number {
  const before = el.closest(".jp-OutputArea-child")?.previousElementSibling;
  return before instanceof HTMLElement ? before.offsetHeight : 0;
}
