/** The MIME bundles of figures: what a cell's output holds while a figure changes, and in the end. */

import { plainFigureText, terminalLine } from '../core/escape';
import type { Figure } from '../figures';
import { isPlane } from '../figures/compose';
import type { MimeBundle } from './display';
import { figureToPng, figureToSvg, PictureError } from './static';

/** MIME type of an interactive figure. */
const PLOTLY = 'application/vnd.plotly.v1+json';

/**
 * An interactive figure, with a picture for readers that can't draw it. In a JupyterLab session the picture
 * is left out: with it, Lab would show the picture until the mouse comes near; without it, Lab draws the
 * figure at once and adds a picture of its own to the notebook. The picture has the figure's own size,
 * because Lab shows it pixel by pixel when a saved notebook is opened.
 */
export async function finalBundle(figure: Figure): Promise<MimeBundle> {
  const bundle = { [PLOTLY]: adaptable(figure), 'text/plain': describeFigure(figure) };
  if (inLab()) return bundle;
  const png = await optional(() => figureToPng(figure, { scale: 1 }));
  return png === undefined ? bundle : { ...bundle, 'image/png': png.toString('base64') };
}

/**
 * A figure that will change soon: a picture, because JupyterLab doesn't redraw an interactive figure whose
 * data change.
 */
export async function liveBundle(figure: Figure): Promise<MimeBundle> {
  const svg = await optional(() => figureToSvg(figure));
  const text = { 'text/plain': describeFigure(figure) };
  return svg === undefined ? text : { ...text, 'image/svg+xml': svg };
}

/** A figure in one line of text: title, axes, what is drawn. */
export function describeFigure(figure: Figure): string {
  const { data } = figure;
  const title = plainTitle(figure);
  const names = data
    .filter((trace) => trace.showlegend !== false && trace.name !== undefined)
    .map((trace) => plainFigureText(trace.name!));
  return terminalLine(`[figure] ${title}${names.length > 0 ? ` (${names.join(', ')})` : ''}`);
}

/** The title of a figure without markup, its lines one after the other. */
export function plainTitle({ layout }: Figure): string {
  const [title, subtitle = ''] = (layout.title?.text ?? 'Figure').split(/(?<=<\/b>)<br>/);
  const plain = (text: string) => plainFigureText(text.replaceAll('<br>', ' '));
  return [plain(title!), ...(subtitle === '' ? [] : [plain(subtitle)])].join('. ');
}

/** True in a kernel that JupyterLab (or Notebook) started for an open notebook. */
function inLab(): boolean {
  return process.env.JPY_SESSION_NAME !== undefined;
}

/** What `make` gives, or undefined with one hint where a package for pictures is missing. */
async function optional<T>(make: () => Promise<T>): Promise<T | undefined> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof PictureError)) throw error;
    hint(error.message);
    return undefined;
  }
}

let hinted = false;

/** Says once per process what is missing. */
function hint(message: string): void {
  if (!hinted) console.warn(message);
  hinted = true;
}

/**
 * Buttons over a figure: none that hands its data to a service, and few, since they cover a long title in a
 * narrow cell. A drag zooms, a double click goes back; to select leads nowhere.
 */
export const BUTTONS = {
  displaylogo: false,
  showSendToCloud: false,
  modeBarButtonsToRemove: ['select2d', 'lasso2d', 'zoomIn2d', 'zoomOut2d', 'autoScale2d'],
};

/**
 * A figure as plotly.js draws it on a page: as wide as the cell or page around it, as high as it is. Pictures
 * of a plane, that is contours and axes that share a scale, keep their width and with it their shape: a round
 * minimum stays round. So do figures that say so by `autosize: false`.
 */
export function adaptable(figure: Figure): Figure & { config: object } {
  const { data, layout, frames } = compact(figure);
  const fixed = isPlane(figure) || layout.autosize === false;
  const { width: _, ...adapting } = layout;
  return {
    data,
    layout: fixed ? layout : { ...adapting, autosize: true },
    ...(frames && { frames }),
    // plotly.js, once resized, gives a responsive figure no height when its frames move.
    config: { ...BUTTONS, responsive: !fixed && frames === undefined },
  };
}

/**
 * The figure as plain JSON with seven significant digits, which is what float32 has: keeps notebooks small
 * and their diffs quiet.
 */
export function compact(figure: Figure): Figure {
  return JSON.parse(
    JSON.stringify(figure, (_, value) =>
      typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(7)) : value,
    ),
  );
}
