/** Figures in a cell's output: interactive in JupyterLab, as a picture everywhere else. */

import { checkKnownOptions } from '../core/errors';
import { type Caption, type Figure, withCaption } from '../figures';
import { describeFigure, finalBundle } from './bundle';
import { displayBundle, inKernel } from './display';

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
 *
 * @throws {OptionError} for an unknown option.
 */
export async function show(figure: Figure, options: ShowOptions = {}): Promise<void> {
  checkKnownOptions('show', options, ['caption']);
  const captioned = options.caption === undefined ? figure : withCaption(figure, options.caption);
  if (!inKernel()) console.log(describeFigure(captioned));
  else displayBundle(await finalBundle(captioned));
}
