/**
 * Loss landscapes: directions and planes through weight space, surfaces over them, trajectories on them,
 * paths between minima.
 */
export { compareSurfaces, type SurfaceComparison } from './compare';
export {
  type BezierConnection,
  bezierPath,
  connectByBezier,
  linePath,
  lossAlongPath,
  type PathLosses,
  type WeightPath,
} from './connectivity';
export {
  type Direction,
  directionBetween,
  normalizeDirection,
  orthogonalDirection,
  randomDirection,
} from './directions';
export { surfaceFromJson, surfaceToJson, surfaceToNpz } from './export';
export { axisAround } from './grid';
export { flatWeights, readFlatWeights, setFlatWeights } from './layout';
export {
  lookbehindStepPlane,
  type ProjectedStep,
  projectStep,
  recordLookbehindStep,
  type StepFacts,
  stepFacts,
} from './lookbehindStep';
export { Plane, type Projection, planeThrough } from './plane';
export { type DirectionLosses, lossAlongDirections } from './randomLines';
export { lossSurface, type Surface, type SurfaceGrid, type SurfaceProgress, surfaceGrid } from './surface';
export {
  recordTrajectory,
  type TrajectoryComponents,
  type TrajectoryPoint,
  trajectoryComponents,
  trajectoryOnPlane,
  trajectoryPlane,
} from './trajectory';
