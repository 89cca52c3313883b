import { serve } from "./worker-main.js";

serve(self as unknown as Parameters<typeof serve>[0]);
