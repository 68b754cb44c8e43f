// Starts the page.

import "uplot/dist/uPlot.min.css";
import "./style/fonts.css";
import "./style/tokens.css";
import "./style/base.css";
import "./style/stage.css";
import "./style/side.css";
import "./style/panels.css";
import "./style/overview.css";
import "./style/small.css";

import { render } from "preact";

import { App } from "./app";

render(<App />, document.getElementById("app")!);
