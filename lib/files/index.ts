/** Files that appear whole or not at all, and files of named tensors. */
export {
  encodeSafetensors,
  parseSafetensors,
  readSafetensors,
  type StoredTensor,
  type StoredType,
  storedFloats,
  storeFloats,
  type TensorFile,
  TensorFileError,
  writeSafetensors,
} from './safetensors';
