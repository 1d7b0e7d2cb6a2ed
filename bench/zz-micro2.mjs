import { createRequire } from 'node:module';
import { aStage } from './site-of.mjs';
import OAuth2Strategy from 'passport-oauth2';
const require=createRequire(import.meta.url);
const { MastodonStrategy } = require('../dist/index.js');
const origin='http://localhost:4000';
// answer discovery from a fake instance
import { createServer } from 'node:http';
const stage = await aStage();
const o = `http://localhost:${stage.httpPort}`;
const ours = new MastodonStrategy({clientName:'B',callbackURL:'http://localhost:3000/auth/callback',developmentInstances:[o]},async(a,b,p)=>p);
const plain = new OAuth2Strategy({authorizationURL:o+'/oauth/authorize',tokenURL:o+'/oauth/token',clientID:'x',clientSecret:'y',callbackURL:'http://localhost:3000/auth/callback',scope:'profile',state:true,pkce:true},(a,b,p,d)=>d(null,p));
const host=new URL(o).host;
const one=(strategy,url,query)=>new Promise((res,rej)=>{ const s=Object.create(strategy); s.redirect=res; s.fail=rej; s.error=rej; s.success=res; s.authenticate({url,originalUrl:url,method:'GET',headers:{host:'localhost:3000'},session:{cookie:{}},query,connection:{},socket:{},app:{get(){}}},{}); });
async function loop(f,n){ const c=process.cpuUsage(); for(let i=0;i<n;i++) await f(); const d=process.cpuUsage(c); return (d.user+d.system)/n; }
const fo=()=>one(ours,'/auth?instance='+host,{instance:host}); const fp=()=>one(plain,"/auth",{}); if(process.env.ONLY){for(let i=0;i<4;i++)await loop(fo,20000);await stage.close();process.exit();}
await loop(fo,3000); await loop(fp,3000);
const R=[];for(let i=0;i<7;i++){ const a=await loop(fo,5000), b=await loop(fp,5000); R.push([a,b,a/b]); }
R.sort((x,y)=>x[2]-y[2]); console.log(R.map(r=>r.map(x=>x.toFixed(2)).join(' ')).join('\n'));
await stage.close(); process.exit();
