/** A page with every backend of TensorFlow.js in it, and nothing asked of a network. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';

/** Pages of this address are secure, as WebGPU demands; what is asked of it is answered here. */
const ORIGIN = 'https://backends.localhost';

/** The backends of a page. */
export const BACKENDS = ['cpu', 'wasm', 'webgl', 'webgpu'] as const;

/** What is said on the console of a page whose numbers are right, too. */
const HARMLESS = /GPU stall due to ReadPixels|No available adapters|powerPreference/;

/** A page in a browser of its own. */
export class BackendPage {
  /**
   * What the page complained about. Shaders that WebGPU refuses are named on the console only, and give
   * zeros.
   */
  readonly complaints: string[] = [];

  private constructor(
    private readonly browser: Browser,
    private readonly page: Page,
  ) {}

  /**
   * Opens a page that has what `module` exports, a file of TypeScript beside `folder`.
   *
   * @param options Path and arguments of the browser.
   */
  static async open(
    module: string,
    options: { executablePath: string; args: readonly string[]; headless?: boolean },
  ): Promise<BackendPage> {
    const { outputFiles } = await build({
      stdin: {
        contents: `
          import * as tf from '@tensorflow/tfjs';
          import '@tensorflow/tfjs-backend-webgpu';
          import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
          import * as exported from ${JSON.stringify(module)};
          setWasmPaths('/');
          Object.assign(globalThis, {
            call: (name, args) => exported[name](...args),
            async start(backend) {
              const why = tf.findBackendFactory(backend) === null ? 'the browser does not offer it' : undefined;
              const failed = why ?? (await tf.setBackend(backend).then((ok) => !ok && 'it does not start', String));
              if (failed) return { failed };
              await tf.ready();
              return {};
            },
          });`,
        resolveDir: dirname(module),
      },
      bundle: true,
      platform: 'browser',
      write: false,
    });
    const browser = await chromium.launch({ ...options, args: [...options.args] });
    const page = await browser.newPage();
    const opened = new BackendPage(browser, page);
    const wasm = join(dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json')), 'dist');
    await page.route('**/*', (route) => {
      const { origin, pathname } = new URL(route.request().url());
      if (origin !== ORIGIN) return route.abort();
      return pathname.endsWith('.wasm')
        ? route.fulfill({ body: readFileSync(join(wasm, pathname)), contentType: 'application/wasm' })
        : route.fulfill({ body: '<!doctype html><title>Backends</title>', contentType: 'text/html' });
    });
    page.on('pageerror', ({ message }) => opened.complaints.push(message));
    page.on('console', (message) => {
      if (!HARMLESS.test(message.text())) opened.complaints.push(message.text());
    });
    await page.goto(ORIGIN);
    await page.addScriptTag({ content: outputFiles[0]!.text });
    return opened;
  }

  /** Starts a backend; why not, where it does not start. */
  async start(backend: string): Promise<string | undefined> {
    const { failed } = await this.#run<{ failed?: string }>('start', [backend]);
    return failed;
  }

  /** Name and version of the browser. */
  get browserName(): string {
    return `${this.browser.browserType().name()} ${this.browser.version()}`;
  }

  /** Calls an exported function in the page. Arguments and result are JSON. */
  call<T>(name: string, ...args: unknown[]): Promise<T> {
    return this.#run('call', [name, args]);
  }

  close(): Promise<void> {
    return this.browser.close();
  }

  #run<T>(name: string, args: unknown[]): Promise<T> {
    return this.page.evaluate(
      ([name, args]) =>
        (globalThis as unknown as Record<string, (...args: unknown[]) => unknown>)[name](...args),
      [name, args] as const,
    ) as Promise<T>;
  }
}
