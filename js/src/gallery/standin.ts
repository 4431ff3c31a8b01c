// The static picture that stands in the saved notebook above the gallery, and gives way while the gallery lives.

/** The static picture of the same cell: the output before ours, if it is the contact sheet. */
export function staticPicture(el: Element, size: readonly number[]): HTMLElement | null {
  const output = el.closest(".jp-OutputArea-child");
  const before = output?.previousElementSibling;
  const image = before?.querySelector<HTMLImageElement>(".jp-RenderedImage img, img");
  if (!(before instanceof HTMLElement) || !image?.src.startsWith("data:image/jpeg")) return null;
  const matches = size.length === 2 && image.getAttribute("width") === String(size[0]);
  return matches ? before : null;
}
