// Image files of a message to bitmaps; the browser decodes.

import type { PreviewMessage, TileMessage } from "../messages.ts";
import type { Picture } from "./paint.ts";

/**
 * The picture of a preview, or null for one that is text; decoded off the page's thread, at `size` if one is given.
 *
 * Not as a `Blob` where the browser has a decoder for bytes (on secure pages): the page waits while another process
 * takes note of each blob, which for the first tiles took longer than to decode them.
 */
export async function bitmap(
  preview: PreviewMessage | undefined,
  buffers: readonly DataView[],
  size: ImageBitmapOptions = {},
): Promise<ImageBitmap | null> {
  if (preview?.buffer === undefined) return null;
  const data = buffers[preview.buffer];
  if (data === undefined) throw new Error("the kernel's answer lacks a picture");
  // The profile and orientation are the file's: boxes refer to the pixels as they are stored.
  const options = { imageOrientation: "none" as ImageOrientation, ...size };
  const type = preview.media ?? "";
  if (!("ImageDecoder" in globalThis) || !(await ImageDecoder.isTypeSupported(type)))
    return createImageBitmap(new Blob([data as BlobPart], { type }), options);
  const decoder = new ImageDecoder({ data: data as BufferSource, type, preferAnimation: false });
  try {
    const { image } = await decoder.decode();
    try {
      return await createImageBitmap(image, options);
    } finally {
      image.close();
    }
  } finally {
    decoder.close();
  }
}

/** To reduce a picture less than that takes longer than it saves memory. */
const WORTHWHILE = 0.7;

/** Decoded this large, a picture of `width` x `height` is at most about `most` pixels on its longest side. */
export function reduced(width: number, height: number, most: number): ImageBitmapOptions {
  const zoom = most / Math.max(width, height, 1);
  if (zoom > WORTHWHILE) return {};
  const [across, down] = [width, height].map((side) => Math.max(1, Math.round(side * zoom)));
  return { resizeWidth: across ?? 1, resizeHeight: down ?? 1, resizeQuality: "medium" };
}

/** Bytes that a picture holds while it is shown. */
export function nbytes(picture: Picture | null): number {
  if (picture === null) return 0;
  return [picture.image, ...picture.masks].reduce((sum, { width, height }) => sum + 4 * width * height, 0);
}

/** A tile's picture with its masks, or null for a tile of words; at most `most` pixels on the longest side. */
export async function picture(
  tile: TileMessage,
  buffers: readonly DataView[],
  most = Infinity,
): Promise<Picture | null> {
  const image = await bitmap(tile.preview, buffers, reduced(tile.width, tile.height, most));
  if (image === null) return null;
  const masks = await Promise.all(tile.masks.map((mask) => bitmap(mask, buffers)));
  return { image, masks: masks.filter((mask) => mask !== null), boxes: tile.boxes, shapes: tile.shapes };
}

export function close(picture: Picture | null): void {
  picture?.image.close();
  for (const mask of picture?.masks ?? []) mask.close();
}
