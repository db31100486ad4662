/** Statistics: rows of results, summaries over seeds, paired differences, ranks, best settings, tables. */

export type { FlatRow, FlatValue } from '../runs/config/flat';
export { describeOptimizer } from '../runs/config/names';
export { bestAlong, bestSettings, type GroupSettings, type Setting, type SettingAlong } from './bestSettings';
export { type ComparedTask, compareMethods, type MethodComparison, withEpochs } from './compareMethods';
export {
  type GroupRank,
  type GroupSummary,
  type PairedDifference,
  pairedDifferences,
  ranks,
  summarize,
} from './comparisons';
export { distanceToCurve, type MeasuredCurve } from './curveDistance';
export {
  type FairSearchOptions,
  fairSearch,
  type SearchedDraw,
  type SearchedMethod,
  type SearchedResult,
  type SearchedTask,
} from './fairSearch';
export { type Frame, toFrame } from './frame';
export { type GoodRange, goodRange } from './goodRange';
export { describeIntervals, type Estimate, holm, type Interval, meanInterval } from './interval';
export { measureRuns } from './measureRuns';
export {
  type BestOfTrials,
  bestOfTrials,
  drawSettings,
  edgeOf,
  markEdge,
  type SearchRange,
  type SearchRanges,
  type SearchSetting,
} from './randomSearch';
export { type RankCorrelation, rankCorrelation } from './rankCorrelation';
export { type LabelDifference, SweepResults } from './results';
export {
  exportRows,
  flattenRow,
  flattenRows,
  toCsv,
} from './rows';
export { type Sample, type SampleSummary, summarizeSample } from './sample';
export { type RenderedTable, renderTable, type TableRow } from './table';
export { taskRows } from './taskRows';
export { pairedGaps, type TradeoffPlace, tradeoffGap } from './tradeoffGap';
export { type Check, formatEstimate, type Judged, judge } from './verdict';
