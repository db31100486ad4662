/**
 * What a notebook's cells use: figures, tables, progress, interrupts and the profile. All of it also works
 * outside a notebook.
 */
export { interruptible } from './interrupt';
export { type LiveFigure, liveFigure } from './liveFigure';
export { figureToHtml, saveFigure } from './page';
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
