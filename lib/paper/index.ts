/** The paper's experiments: their settings, runs, expected times, tables and figures. */
export { type Forecast, type ForecastOptions, type ForecastRow, forecast } from './forecast';
export { type PaperReport, paperReport, type ReportTable } from './report';
export {
  PAPER,
  PAPER_DATA,
  PAPER_METHODS,
  type PaperData,
  type PaperGrid,
  type PaperMethodName,
  type PaperSetting,
  type PaperSizes,
  paperMeasures,
  paperSequence,
  paperSettings,
  paperTask,
} from './settings';
export { type StepTimeOptions, secondsPerGradient } from './stepTime';
export { PAPER_TABLES, type PaperTable, paperGrids, paperRuns } from './tables';
export { type WrittenReport, writeReport } from './writeReport';
