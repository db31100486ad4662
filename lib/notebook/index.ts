/** What a notebook's cells use: figures, tables, progress, interrupts and the profile. All of it also works outside a notebook. */
export { inKernel } from './display';
export { interruptible } from './interrupt';
export { type LiveFigure, type LiveFigureOptions, liveFigure } from './liveFigure';
export { figureToHtml, type PageOptions, type SaveOptions, saveFigure } from './page';
export { PROFILES, type Profile, profile } from './profile';
export { type Progress, type ProgressOptions, type ProgressValues, progress } from './progress';
export { type RunSweepOptions, runSweep } from './runSweep';
export { type ShowOptions, show } from './show';
export { type ShownSurfaces, type ShowSurfacesOptions, showSurfaces } from './showSurfaces';
export { figureToPng, figureToSvg, PictureError, type PictureOptions } from './static';
export { table } from './table';
export { type Watch, watched } from './watched';
