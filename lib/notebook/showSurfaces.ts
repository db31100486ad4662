/** Surfaces of several models side by side in a cell's output, filling up while they are computed. */

import type * as tf from '../core/tf';
import { type LandscapePanel, landscapeContours } from '../figures';
import type { LandscapeOptions } from '../figures/landscape';
import { compareSurfaces, type SurfaceComparison, surfaceGrid } from '../landscape';
import type { CompareOptions } from '../landscape/compare';
import type { Samples } from '../training/samples';
import { interruptible } from './interrupt';
import { type LiveFigure, liveFigure } from './liveFigure';

/** Options of `showSurfaces`. */
export interface ShowSurfacesOptions extends Omit<CompareOptions, 'signal' | 'onProgress'> {
  /** How the figure looks. Default: as `landscapeContours`. */
  figure?: Omit<LandscapeOptions, 'landscapes' | 'range'>;
}

/** Surfaces that were shown. */
export interface ShownSurfaces extends SurfaceComparison {
  /** The surfaces as further figures take them, one for each model. */
  landscapes: LandscapePanel[];
}

/**
 * A surface for each model, as `compareSurfaces` makes them, shown live: first a coarse picture, then finer
 * ones. Interrupting the cell stops it.
 *
 * @throws OptionError, and what `lossSurface` throws; AbortedError after an interrupt.
 */
export async function showSurfaces(
  models: readonly { label: string; model: tf.LayersModel }[],
  samples: Samples,
  options: ShowSurfacesOptions = {},
): Promise<ShownSurfaces> {
  const { figure = {}, ...compareOptions } = options;
  const landscapes: LandscapePanel[] = [];
  let live: LiveFigure | undefined;
  const draw = () => landscapeContours({ ...figure, landscapes });
  try {
    const comparison = await interruptible((signal) =>
      compareSurfaces(models, samples, {
        ...compareOptions,
        signal,
        onProgress: (title, { surface, done }) => {
          if (done === 0) return;
          const place = landscapes.findIndex((one) => one.title === title);
          landscapes[place < 0 ? landscapes.length : place] = { title, grid: surfaceGrid(surface) };
          live ??= liveFigure(draw());
          live.update(draw());
        },
      }),
    );
    return { ...comparison, landscapes };
  } finally {
    // The color range grows with the surfaces, so the last figure has that of all of them.
    if (landscapes.length > 0) await live?.finish(draw());
  }
}
