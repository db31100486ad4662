/** Figures in a cell's output: interactive in JupyterLab, as a picture everywhere else. */

import { checkOptions, either, type OptionsOf, object, text } from '../core/options';
import { type Caption, type Figure, withCaption } from '../figures';
import { describeFigure, finalBundle } from './bundle';
import { displayBundle, inKernel } from './display';
import { Playground } from './playground';

const OPTIONS = {
  /** Text under the plot, or its fields. Default: the figure's own. */
  caption: either(text(), object<Caption>('a caption')),
};

/** Options of `show`. */
export type ShowOptions = OptionsOf<typeof OPTIONS>;

/**
 * Shows a figure in the cell's output: interactive in JupyterLab, as a picture on GitHub, in nbviewer and in
 * HTML exports. Outside a notebook it prints one line.
 *
 * A page of the playground is shown in a frame, and as its picture where pages can't be.
 *
 * There is no text/html in the output of a figure: readers that can't draw plotly's format would prefer it to
 * the picture.
 *
 * @throws {OptionError} for an unknown option.
 */
export async function show(figure: Figure | Playground, options: ShowOptions = {}): Promise<void> {
  const { caption } = checkOptions('show', OPTIONS, options);
  if (figure instanceof Playground) {
    if (!displayBundle(await figure.bundle())) console.log('[playground]');
    return;
  }
  const captioned = caption === undefined ? figure : withCaption(figure, caption);
  if (!inKernel()) console.log(describeFigure(captioned));
  else displayBundle(await finalBundle(captioned));
}
