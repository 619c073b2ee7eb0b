export { gallery } from './gallery.js'
export { orthonormal, spectra, withSpectrum } from './spectra.js'
