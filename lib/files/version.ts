/** The version of the library. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** That of the package; in a checkout, where lib/package.json has none, that of the workspace. */
export function libraryVersion(): string {
  const folder = join(__dirname, '..', '..');
  return versionAt(folder) ?? versionAt(join(folder, '..'))!;
}

function versionAt(folder: string): string | undefined {
  return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version?: string }).version;
}
