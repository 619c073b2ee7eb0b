import { expect, test } from 'vitest'
import { lawsHoldInPage } from './gpulaws.js'

lawsHoldInPage('webgpu', (open) => {
  test("'auto' refuses a software renderer", async () => {
    const page = await open()
    expect(await page.call('openAuto')).toMatchObject({
      code: 'GPU_UNAVAILABLE',
      message: expect.stringMatching(/CPU/) as string,
    })
    await page.close()
  })
})
