/** Red, green, blue, 0 … 255. */
export type Colour = readonly [number, number, number];

/**
 * Blue for less and orange for more: told apart whatever colours the eye lacks. The middle is that of the page, so that
 * what did not change is not seen.
 */
export interface Palette {
  readonly less: Colour;
  readonly middle: Colour;
  readonly more: Colour;
}

export const LIGHT: Palette = { less: [8, 81, 156], middle: [246, 246, 247], more: [190, 77, 0] };
export const DARK: Palette = { less: [122, 184, 255], middle: [32, 33, 39], more: [255, 166, 77] };

/** @param position −1 … 1. */
export function colourAt({ less, middle, more }: Palette, position: number): Colour {
  const end = position < 0 ? less : more;
  const share = Math.min(1, Math.abs(position));
  return [mix(middle[0], end[0], share), mix(middle[1], end[1], share), mix(middle[2], end[2], share)];
}

/** The picture of rows of numbers, one pixel each, as RGBA. */
export function pixelsOf(
  rows: readonly Float32Array[],
  extent: number,
  palette: Palette,
): Uint8ClampedArray<ArrayBuffer> {
  const channels = rows[0]?.length ?? 0;
  const pixels = new Uint8ClampedArray(4 * channels * rows.length);
  rows.forEach((row, i) => {
    row.forEach((value, channel) =>
      pixels.set([...colourAt(palette, extent === 0 ? 0 : value / extent), 255], 4 * (i * channels + channel)),
    );
  });
  return pixels;
}

export const cssOf = ([red, green, blue]: Colour): string => `rgb(${red} ${green} ${blue})`;

const mix = (from: number, to: number, share: number): number => Math.round(from + (to - from) * share);
