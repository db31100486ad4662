/** Figures in a cell's output: interactive in JupyterLab, as a picture everywhere else. */
import { type Caption, type Figure, withCaption } from '../figures';
import { displayBundle, inKernel, type MimeBundle, newOutput } from './display';
import { figureToPng, PictureError } from './static';
import { throttle } from './throttle';

/** MIME type of an interactive figure. */
const PLOTLY = 'application/vnd.plotly.v1+json';

/** Options of `show`. */
export interface ShowOptions {
  /** Text under the plot, or its fields. Default: the figure's own. */
  caption?: Caption | string;
}

/**
 * Shows a figure in the cell's output: interactive in JupyterLab, as a picture on GitHub, in nbviewer and in HTML exports.
 * Outside a notebook it prints one line.
 *
 * There is no text/html in the output: readers that can't draw plotly's format would prefer it to the picture.
 */
export async function show(figure: Figure, options: ShowOptions = {}): Promise<void> {
  const captioned = options.caption === undefined ? figure : withCaption(figure, options.caption);
  if (!inKernel()) console.log(describeFigure(captioned));
  else displayBundle(await finalBundle(captioned));
}

/** Options of `liveFigure`. */
export interface LiveFigureOptions {
  /** Smallest time between two drawings, in milliseconds, at least 100. Default 250. */
  interval?: number;
}

/** A figure that changes while work goes on. */
export interface LiveFigure {
  /** Draws the figure's new state in place of the old one, now or soon. */
  update(figure: Figure): void;
  /** Leaves the last state (or the given one) with its picture in the notebook. Call it in `finally`. */
  finish(figure?: Figure): Promise<void>;
}

/** Shows a figure that can be updated in place, for surfaces and matrices that fill up. Outside a notebook only `finish` prints a line. */
export function liveFigure(figure: Figure, options: LiveFigureOptions = {}): LiveFigure {
  const output = newOutput();
  let state = figure;
  const drawing = throttle(() => output.update(liveBundle(state)), Math.max(100, options.interval ?? 250));
  drawing.call();
  return {
    update(next) {
      state = next;
      drawing.call();
    },
    async finish(last = state) {
      drawing.cancel();
      state = last;
      if (!inKernel()) console.log(describeFigure(state));
      else output.update(await finalBundle(state));
    },
  };
}

/** A figure in one line of text: title, axes, what is drawn. */
export function describeFigure({ data, layout }: Figure): string {
  const title = (layout.title?.text ?? 'Figure').replace(/<[^>]*>/g, '');
  const names = data.filter((trace) => trace.showlegend !== false && trace.name !== undefined).map((trace) => trace.name);
  return `[figure] ${title}${names.length > 0 ? ` (${names.join(', ')})` : ''}`;
}

function liveBundle(figure: Figure): MimeBundle {
  return { [PLOTLY]: compact(figure), 'text/plain': describeFigure(figure) };
}

async function finalBundle(figure: Figure): Promise<MimeBundle> {
  const bundle = liveBundle(figure);
  try {
    return { ...bundle, 'image/png': (await figureToPng(figure)).toString('base64') };
  } catch (error) {
    if (!(error instanceof PictureError)) throw error;
    hint(error.message);
    return bundle;
  }
}

let hinted = false;

/** Says once per process what is missing. */
function hint(message: string): void {
  if (!hinted) console.warn(message);
  hinted = true;
}

/** The figure as plain JSON with seven significant digits, which is what float32 has: keeps notebooks small and their diffs quiet. */
function compact(figure: Figure): object {
  return JSON.parse(
    JSON.stringify(figure, (_, value) =>
      typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(7)) : value,
    ),
  );
}
