/** Runs: configurations, runs that are kept and resumed, sweeps over grids, in processes, on Ray and under SLURM. */

export { type BuiltLifelongRun, type BuiltRun, buildLifelongRun, buildRun } from './build';
export type { AugmentationConfig } from './config/augmentationConfig';
export { configHash, type FullRunConfig, type RunConfig, resolveConfig } from './config/config';
export { DATA_SETS, type DataConfig, DataLoader, type RunData } from './config/dataConfig';
export { type Each, type EachField, type EachValue, expandGrid, type SweepGrid } from './config/grid';
export type { LifelongConfig } from './config/lifelongConfig';
export type { MeasuredValues } from './config/measure';
export type { MeasureConfig, SharpnessConfig } from './config/measures';
export type { ModelConfig } from './config/modelConfig';
export type { NoiseConfig, NoiseFamilyConfig, NoisyTensors, TrainingNoiseConfig } from './config/noiseConfig';
export type {
  BatchNormConfig,
  LayerSensitivityConfig,
  NoiseMeasureOptions,
  NoisyAccuracyConfig,
  RobustnessConfig,
} from './config/noiseMeasures';
export { type BaseConfig, gradientsPerBatch, type JsonOptions, type OptimizerConfig } from './config/optimizerConfig';
export { type Engine, InProcessEngine, type RunTask, type TaskOptions, WorkerDiedError } from './engines/engine';
export { ProcessEngine, type ProcessEngineOptions } from './engines/processes';
export { type RayCluster, RayEngine, type RayEngineOptions, RayError } from './engines/rayEngine';
export { SlurmError, type SlurmJob, type SlurmOptions, submitToSlurm } from './engines/slurm';
export { type ExecuteOptions, executeRun, openLifelongRun, openRun, type RunOutcome } from './execute';
export { describeForecast, type Forecast, type ForecastOptions, type ForecastRow, forecast } from './forecast';
export type { LifelongResult } from './lifelongRun';
export { deviceName, type Machine, type Versions } from './machine';
export { type PaperMethod, type PaperMethodsOptions, paperMethods } from './paperMethods';
export { type StepTimeOptions, secondsPerGradient } from './stepTime';
export { defaultStore, type RunResult, RunStore } from './store';
export { type RunRow, type SweepOptions, type SweepProgress, sweep } from './sweep';
