declare module 'observable:runtime' {
  export const runtime: object
}
