/** @file placeholder */
import { startFrame } from "./frame.js";

void startFrame();
