/** Statistics: rows of results, summaries over seeds, paired differences, ranks, best settings, tables. */
export {
  type BestSettingsOptions,
  bestAlong,
  bestSettings,
  type GroupSettings,
  type Setting,
  type SettingAlong,
} from './bestSettings';
export {
  type ComparedTask,
  type CompareMethodsOptions,
  compareMethods,
  type MethodComparison,
  withEpochs,
} from './compareMethods';
export {
  type GroupOptions,
  type GroupRank,
  type GroupSummary,
  type PairedDifference,
  type PairedOptions,
  pairedDifferences,
  type RankOptions,
  ranks,
  summarise,
} from './comparisons';
export { distanceToCurve, type MeasuredCurve } from './curveDistance';
export { frameOf, toFrame } from './frame';
export { type GoodRange, type GoodRangeOptions, goodRange } from './goodRange';
export { describeIntervals, type Estimate, holm, type Interval, type IntervalOptions, meanInterval } from './interval';
export { type MeasureRunsOptions, measureRuns } from './measureRuns';
export { type RankCorrelation, type RankCorrelationOptions, rankCorrelation } from './rankCorrelation';
export { type LabelDifference, type LabelStyle, SweepResults } from './results';
export { describeOptimizer, exportRows, type FlatRow, type FlatValue, flattenRow, flattenRows, toCsv, toJson } from './rows';
export { type Sample, type SampleSummary, type SampleValue, summariseSample } from './sample';
export {
  type Cell,
  type FrameLike,
  type MeanStd,
  type RenderedTable,
  renderTable,
  type TableOptions,
  type TableRow,
} from './table';
export { taskRows } from './taskRows';
export { pairedGaps, type TradeoffPlace, type TradeoffValues, tradeoffGap } from './tradeoffGap';
