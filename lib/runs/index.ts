/**
 * Runs: configurations, runs that are kept and resumed, sweeps over grids, in processes, on Ray and under
 * SLURM.
 */

export { type BuiltLifelongRun, type BuiltRun, buildLifelongRun, buildRun } from './build';
export { configHash, type FullRunConfig, type RunConfig, resolveConfig } from './config/config';
export type { DataConfig } from './config/dataConfig';
export { expandGrid, type SweepGrid } from './config/grid';
export type { LifelongConfig } from './config/lifelongConfig';
export type { MeasuredValues } from './config/measure';
export type { MeasureConfig } from './config/measures';
export type { ModelConfig } from './config/modelConfig';
export { runNames } from './config/names';
export type { NoiseConfig } from './config/noiseConfig';
export { type BaseConfig, gradientsPerBatch, type OptimizerConfig } from './config/optimizerConfig';
export { type Engine, InProcessEngine, type RunTask, WorkerDiedError } from './engines/engine';
export { ProcessEngine } from './engines/processes';
export { type RayCluster, RayEngine, RayError } from './engines/rayEngine';
export { SlurmError, type SlurmJob, submitToSlurm } from './engines/slurm';
export { executeRun, openLifelongRun, openRun, type RunOutcome } from './execute';
export { describeForecast, type Forecast, forecast } from './forecast';
export type { LifelongResult } from './lifelongRun';
export { deviceName } from './machine';
export { type PaperMethod, paperMethods } from './paperMethods';
export { defaultStore, type RunResult, RunStore } from './store';
export { type RunRow, type SweepOptions, type SweepProgress, sweep } from './sweep';
