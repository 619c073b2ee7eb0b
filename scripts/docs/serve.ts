import { preview } from 'vite'

/** Serves a folder on 127.0.0.1, cross-origin isolated, and says where. */
export async function serveFolder(
  folder: string,
  port = 0,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = await preview({
    configFile: false,
    appType: 'mpa',
    logLevel: 'error',
    root: folder,
    build: { outDir: folder },
    preview: {
      host: '127.0.0.1',
      port,
      headers: {
        'Cross-Origin-Opener-Policy': 'same-origin',
        'Cross-Origin-Embedder-Policy': 'require-corp',
      },
    },
  })
  return { url: server.resolvedUrls!.local[0]!, close: () => server.close() }
}
