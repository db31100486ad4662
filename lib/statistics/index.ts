/** Statistics: rows of results, summaries over seeds, paired differences, ranks, best settings. */
export {
  type BestSettingsOptions,
  bestAlong,
  bestSettings,
  type GroupSettings,
  type Setting,
  type SettingAlong,
} from './bestSettings';
export { type BootstrapOptions, bootstrapMean, type Interval } from './bootstrap';
export { distanceToCurve, type MeasuredCurve } from './curveDistance';
export { frameOf, toFrame } from './frame';
export { type GoodRange, type GoodRangeOptions, goodRange } from './goodRange';
export { type RankCorrelation, type RankCorrelationOptions, rankCorrelation } from './rankCorrelation';
export { describeOptimizer, exportRows, type FlatRow, type FlatValue, flattenRow, flattenRows, toCsv, toJson } from './rows';
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
} from './statistics';
export { taskRows } from './taskRows';
export { pairedGaps, type TradeoffPlace, type TradeoffValues, tradeoffGap } from './tradeoffGap';
