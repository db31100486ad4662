/** Figures in a cell's output: interactive in JupyterLab, as a picture everywhere else. */

import { checkOptions, either, type OptionsOf, object, text } from '../core/options';
import { type Caption, type Figure, withCaption } from '../figures';
import { describeFigure, finalBundle } from './bundle';
import { displayBundle, inKernel } from './display';

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
 * There is no text/html in the output: readers that can't draw plotly's format would prefer it to the
 * picture.
 *
 * @throws {OptionError} for an unknown option.
 */
export async function show(figure: Figure, options: ShowOptions = {}): Promise<void> {
  const { caption } = checkOptions('show', OPTIONS, options);
  const captioned = caption === undefined ? figure : withCaption(figure, caption);
  if (!inKernel()) console.log(describeFigure(captioned));
  else displayBundle(await finalBundle(captioned));
}
