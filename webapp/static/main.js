// The page works without any of this; with it, numbers change in place and forms do not reload.
import { keepAgesTicking } from "./ages.js";
import { enhanceForms } from "./forms.js";
import { followChanges } from "./stream.js";
import { showHealth } from "./health.js";
import { applyChange, refetch } from "./rows.js";

keepAgesTicking();
enhanceForms();
followChanges({ change: applyChange, refetch, health: showHealth });
