/** Experiments: configurations, runs that are kept and resumed, sweeps over grids, statistics over seeds. */
export type { AugmentationConfig } from './augmentationConfig';
export {
  type BestSettingsOptions,
  bestAlong,
  bestSettings,
  type GroupSettings,
  type Setting,
  type SettingAlong,
} from './bestSettings';
export { type BootstrapOptions, bootstrapMean, type Interval } from './bootstrap';
export { type BuiltRun, buildRun } from './build';
export { configHash, type FullRunConfig, type RunConfig, resolveConfig } from './config';
export { distanceToCurve, type MeasuredCurve } from './curveDistance';
export {
  type Cifar100Config,
  type DataConfig,
  DataLoader,
  type DataOptions,
  type DigitsConfig,
  type DownloadedConfig,
  type Mnist1dConfig,
  type RunData,
  type TinyImageNetConfig,
} from './dataConfig';
export { type Engine, InProcessEngine, type RunTask, type TaskOptions, WorkerDiedError } from './engine';
export { type ExecuteOptions, executeRun, openLifelongRun, openRun, type RunOutcome } from './execute';
export { describeForecast, type Forecast, type ForecastOptions, type ForecastRow, forecast } from './forecast';
export { frameOf, toFrame } from './frame';
export { type GoodRange, type GoodRangeOptions, goodRange } from './goodRange';
export { type Each, type EachField, type EachValue, expandGrid, type SweepGrid } from './grid';
export type { LearningConfig, LifelongConfig, PermutedConfig, RotatedConfig, SplitConfig } from './lifelongConfig';
export { type BuiltLifelongRun, buildLifelongRun, type LifelongResult } from './lifelongRun';
export { deviceName, type Machine, type Versions } from './machine';
export type { MeasuredValues } from './measure';
export type { MeasureConfig, SharpnessConfig } from './measures';
export type { ConvNetConfig, MlpConfig, ModelConfig, ResNetConfig, VitConfig, WideResNetConfig } from './modelConfig';
export type { NoiseConfig, NoiseFamilyConfig, NoisyTensors, TrainingNoiseConfig } from './noiseConfig';
export type {
  BatchNormConfig,
  LayerSensitivityConfig,
  NoiseMeasureOptions,
  NoisyAccuracyConfig,
  RobustnessConfig,
} from './noiseMeasures';
export { type BaseConfig, gradientsPerBatch, type JsonOptions, type OptimizerConfig } from './optimizerConfig';
export { type PaperMethod, type PaperMethodsOptions, paperMethods } from './paperMethods';
export { ProcessEngine, type ProcessEngineOptions } from './processes';
export { type RankCorrelation, type RankCorrelationOptions, rankCorrelation } from './rankCorrelation';
export { type RayCluster, RayEngine, type RayEngineOptions, RayError } from './rayEngine';
export { describeOptimizer, exportRows, type FlatRow, type FlatValue, flattenRow, flattenRows, toCsv, toJson } from './rows';
export { SlurmError, type SlurmJob, type SlurmOptions, submitToSlurm } from './slurm';
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
export { type StepTimeOptions, secondsPerGradient } from './stepTime';
export { defaultStore, type RunResult, RunStore } from './store';
export { type RunRow, type SweepOptions, type SweepProgress, sweep } from './sweep';
export { taskRows } from './taskRows';
export { pairedGaps, type TradeoffPlace, type TradeoffValues, tradeoffGap } from './tradeoffGap';
