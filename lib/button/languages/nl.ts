/** Dutch. */

import type { Language } from '../language.js';

export const nl: Language = {
  words: {
    label: 'Je server of gebruikersnaam',
    example: 'Bijvoorbeeld mastodon.social of @jij@mastodon.social',
    button: 'Inloggen met Mastodon',
    continue: 'Doorgaan met %s',
    destination: 'Je bevestigt op %s.',
    remembered: 'Je server van de vorige keer.',
    forget: 'Deze server vergeten',
    forgotten: 'De server is vergeten.',
    busy: 'Onderweg naar %s …',
    slow: '%s antwoordt traag. We proberen het nog …',
    servers: 'Servers',
    noAccount: 'Nog geen account?',
    join: 'Zoek een server',
  },
  messages: {
    instance_missing: 'Er is geen server ingevuld. Typ je server, bijvoorbeeld mastodon.social.',
    instance_invalid:
      'Dat is geen adres van een server. Typ iets als mastodon.social of @jij@mastodon.social.',
    instance_not_allowed:
      'Op deze site kun je niet inloggen met accounts van de server %s. Gebruik een account op een andere server.',
    instance_unreachable: 'De server %s is niet bereikbaar. Controleer het adres of probeer het zo nog eens.',
    instance_unsupported: 'We vonden op het adres %s geen server die inloggen met de Mastodon-API aanbiedt.',
    instance_insecure:
      'De login van de server %s is niet veilig: die stelt niet betrouwbaar vast wie de gebruiker is. De beheerder kan helpen.',
    instance_blocked:
      'De server %s staat achter een botcontrole, dus we kunnen er geen contact mee maken. De beheerder kan deze site toelaten.',
    registration_refused: 'De server %s heeft deze site niet geaccepteerd. De beheerder kan helpen.',
    registration_throttled:
      'De server %s neemt nu geen nieuwe sites aan. Probeer het over een paar minuten nog eens.',
    scope_refused:
      'Deze site vraagt meer rechten dan de server %s geeft. De beheerders van deze site kunnen helpen.',
    cross_site_start:
      'Je browser heeft niet bevestigd dat je op deze site bent begonnen met inloggen. Log hier in.',
    login_expired:
      'Deze login is verlopen, is al gebruikt of is in een andere browser begonnen. Log opnieuw in.',
    login_mismatch: 'Het antwoord hoort niet bij de login die hier is begonnen. Log opnieuw in.',
    access_denied: 'Het inloggen bij de server %s is afgebroken. Was dat een vergissing? Log dan opnieuw in.',
    login_restart: 'De server %s kent deze site niet meer. We registreren die opnieuw: log nog een keer in.',
    token_refused: 'De server %s heeft het inloggen niet afgerond. Log opnieuw in.',
    account_unusable:
      'De server %s laat dit account niet inloggen. Misschien is het uitgeschakeld, verhuisd, nog niet bevestigd, of zonder de tweestapsverificatie die de server vereist.',
    response_invalid: 'De server %s stuurde een antwoord dat we niet kunnen lezen. De beheerder kan helpen.',
    timeout: 'De server %s deed te lang over een antwoord. Probeer het zo nog eens.',
    login_busy: 'Er wordt hier nu te veel tegelijk ingelogd. Probeer het zo nog eens.',
    revocation_unsupported:
      'De server %s kan een enkele login niet van hieruit beëindigen. Dat kan daar in de instellingen van het account.',
    store_failed: 'De login kon bij ons niet worden opgeslagen. Probeer het zo nog eens.',
  },
  reasons: {
    name_without_dot:
      'Dat is niet het volledige adres van een server. Er staat een punt in, zoals in mastodon.social.',
    user_without_server:
      'Dat is een gebruikersnaam zonder server. Typ beide, zoals in @jij@mastodon.social, of alleen de server.',
    email_address: 'Dat is een e-mailadres. Je server is de website waar je je account hebt gemaakt.',
    certificate:
      'Het certificaat van de server %s is niet geldig, dus we kunnen geen veilige verbinding maken. De beheerder moet dat herstellen.',
    server_error: 'De server %s heeft op dit moment een probleem. Probeer het over een paar minuten opnieuw.',
  },
};
