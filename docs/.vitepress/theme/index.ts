import theme from 'vitepress/theme-without-fonts'
import './style.css'

// System fonts: the default theme would bring its own.
export default theme
