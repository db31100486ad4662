/** The view of a network that learns, alone. */
import { givenLink } from './given';
import { shell } from './shell';
import { trainView } from './train';

shell(document.getElementById('playground')!, (changed) => ({ train: trainView(changed) }), givenLink());
