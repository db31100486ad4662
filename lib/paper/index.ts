/** The paper's experiments: their settings, runs, tables and figures. */
export { type AtlasOrigin, type AtlasRow, readAtlas } from './atlas';
export {
  type AtlasDuel,
  type AtlasPlace,
  type AtlasTrial,
  atlasDifference,
  atlasDuels,
  atlasDuelsAtAnyBudget,
  atlasMap,
  atlasPlaces,
  atlasReport,
  atlasTrials,
  placeName,
  settingName,
} from './atlasMap';
export { type PaperReport, paperReport, type ReportTable } from './report';
export { type AtlasPoint, type Retrained, retrain } from './retrain';
export { PAPER, type PaperSizes, paperSequence, paperSettings, paperTask } from './settings';
export {
  STUDY,
  type StudyBudget,
  type StudyMethod,
  type StudyPart,
  type StudyPartName,
  type StudySpace,
  studyMethods,
} from './studyParts';
export { PAPER_TABLES, type PaperTable, paperGrids, paperRuns } from './tables';
export { type WrittenReport, writeReport } from './writeReport';
