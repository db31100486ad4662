/** Loss landscapes: directions and planes through weight space, surfaces over them, trajectories on them, paths between minima. */
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
export type { AxisOptions as SurfaceAxis } from './grid';
export { flatWeights, setFlatWeights, type WeightSlot, weightLayout } from './layout';
export { Plane, type Projection, planeThrough } from './plane';
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
  type TrajectoryComponents,
  type TrajectoryOptions,
  type TrajectoryPoint,
  trajectoryComponents,
  trajectoryOnPlane,
  trajectoryPlane,
  weightSetsOf,
} from './trajectory';
