/** What a notebook's cells use: figures, tables, progress, interrupts and the profile. All of it also works outside a notebook. */
export {
  type ComparedTask,
  type CompareMethodsOptions,
  compareMethods,
  type MethodComparison,
  withEpochs,
} from './compareMethods';
export { inKernel } from './display';
export { interruptible } from './interrupt';
export { type LiveFigure, type LiveFigureOptions, liveFigure } from './liveFigure';
export { type MeasureRunsOptions, measureRuns } from './measureRuns';
export { figureToHtml, type PageOptions, type SaveOptions, saveFigure } from './page';
export { PROFILES, type Profile, profile } from './profile';
export { formatDuration, type Progress, type ProgressOptions, type ProgressValues, progress } from './progress';
export { type RunSweepOptions, resultsOf, runSweep, type SweepResults } from './runSweep';
export { type Sample, type SampleSummary, type SampleValue, summariseSample } from './sample';
export { type ShowOptions, show } from './show';
export { type ShownSurfaces, type ShowSurfacesOptions, showSurfaces } from './showSurfaces';
export { figureToPng, figureToSvg, PictureError, type PictureOptions } from './static';
export {
  type Cell,
  type FrameLike,
  type MeanStd,
  type RenderedTable,
  renderTable,
  type TableOptions,
  type TableRow,
  table,
} from './table';
