/** Loss landscapes: directions and planes through weight space, surfaces over them, trajectories on them, paths between minima. */
export { type CompareOptions, compareSurfaces, lossRange, type SurfaceComparison } from './compare';
export {
  type BezierConnection,
  type BezierOptions,
  bezierPath,
  connectByBezier,
  linePath,
  lossAlongPath,
  type PathLosses,
  type PathOptions,
  type WeightPath,
} from './connectivity';
export {
  type Direction,
  directionBetween,
  directionOf,
  type Normalisation,
  type NormaliseOptions,
  normaliseDirection,
  orthogonalDirection,
  type RandomDirectionOptions,
  randomDirection,
  withLength,
} from './directions';
export { surfaceFromJson, surfaceToJson, surfaceToNpz } from './export';
export { type AxisOptions as SurfaceAxis, axisAround } from './grid';
export { flatWeights, setFlatWeights, type WeightSlot, weightLayout } from './layout';
export {
  lookbehindStepPlane,
  type ProjectedStep,
  projectStep,
  recordLookbehindStep,
  type StepFacts,
  stepFacts,
} from './lookbehindStep';
export { Plane, type Projection, planeThrough } from './plane';
export { type DirectionLosses, type DirectionsOptions, lossAlongDirections } from './randomLines';
export {
  lossSurface,
  type Surface,
  type SurfaceGrid,
  type SurfaceOptions,
  type SurfaceProgress,
  type SurfaceProvenance,
  surfaceGrid,
} from './surface';
export {
  type RecordOptions,
  recordTrajectory,
  type TrajectoryComponents,
  type TrajectoryOptions,
  type TrajectoryPlaneOptions,
  type TrajectoryPoint,
  trajectoryComponents,
  trajectoryOnPlane,
  trajectoryPlane,
  weightSetsOf,
} from './trajectory';
