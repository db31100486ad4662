/**
 * What a notebook's cells use: figures, tables, progress, interrupts and the profile. All of it also works
 * outside a notebook.
 */
import { inKernel } from './display';
import { replaceFitProgress } from './fitProgress';
import { replaceLastValues } from './values';

export { interruptible } from './interrupt';
export { type LiveFigure, liveFigure } from './liveFigure';
export { figureToHtml, saveFigure } from './page';
export { type Playground, type PlaygroundOptions, playground } from './playground';
export { type Profile, profile } from './profile';
export { type Progress, progress } from './progress';
export { runSweep } from './runSweep';
export { say } from './say';
export { show } from './show';
export { type ShownSurfaces, showSurfaces } from './showSurfaces';
export { figureToPng, figureToSvg, PictureError } from './static';
export { table } from './table';
export { verdictTable } from './verdictTable';
export { type Watch, watched } from './watched';

// A cell that imports this room has readable last values and one progress bar of model.fit from then on.
if (inKernel()) {
  replaceLastValues();
  replaceFitProgress();
}
